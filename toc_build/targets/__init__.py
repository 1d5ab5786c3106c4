"""Where a bundle runs: one tiny protocol, one package per target."""

from __future__ import annotations

from toc_build.targets.protocol import (
    DeployableBundle,
    Event,
    EventKind,
    State,
    Status,
    Target,
    TargetDescription,
)

__all__ = ["DeployableBundle", "Event", "EventKind", "State", "Status", "Target", "TargetDescription"]
