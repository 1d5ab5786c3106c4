"""Where a bundle runs: one tiny protocol, one package per target."""

from __future__ import annotations

from toc_build.targets.plan import Plan
from toc_build.targets.protocol import (
    Candidate,
    DeployableBundle,
    Event,
    EventKind,
    Judge,
    State,
    Status,
    Target,
    TargetDescription,
    Version,
)

__all__ = [
    "Candidate",
    "DeployableBundle",
    "Event",
    "EventKind",
    "Judge",
    "Plan",
    "State",
    "Status",
    "Target",
    "TargetDescription",
    "Version",
]
