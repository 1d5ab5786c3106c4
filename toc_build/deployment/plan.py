"""What a deploy would change, with what preflight has to say about it. `toc-build plan` shows it.

A target's own plan says what differs; the doctor's rules for that target are added here, with the machines
that the target saw. Nothing is built, and nothing is changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from toc_build.bundle.assembly import describe
from toc_build.environment import check_lock
from toc_build.repository import Repository
from toc_build.targets.plan import Plan
from toc_build.targets.protocol import DeployableBundle, Target
from toc_build.targets.registry import DEFAULT_TARGET, Cloud, open_target


@dataclass(frozen=True)
class DescribedBundle:
    """A bundle that is not assembled: its name is all that a plan needs."""

    digest: str
    root: Path = Path()


def plan(
    repository: Repository,
    target: str = DEFAULT_TARGET,
    *,
    port: int | None = None,
    compute_target_name: str | None = None,
) -> Plan:
    """What `deploy` would change on `target` now.

    Args:
        repository: the model repository.
        target: the target's name.
        port: as for `deploy`.
        compute_target_name: as for `deploy`.

    Raises:
        UserError: the repository has no lock that fits, or the target cannot be reached.
    """
    place = open_target(target, repository, port=port, cloud=Cloud(compute_target_name, deploys=True))
    check_lock(repository)
    return complete(repository, place, DescribedBundle(describe(repository)[0].digest))


def complete(repository: Repository, target: Target, bundle: DeployableBundle) -> Plan:
    """The target's plan with the findings of preflight behind its own."""
    from toc_build.deployment.doctor import examine_for

    found = target.plan(bundle)
    return replace(found, findings=(*found.findings, *examine_for(repository, found)))
