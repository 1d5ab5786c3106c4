"""Which targets there are, and how `deploy.yml` sets each: the one place that knows them all by name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from toc_build.errors import TargetError
from toc_build.paths import cache_dir
from toc_build.repository import Repository
from toc_build.targets.local import LocalSettings, LocalTarget
from toc_build.targets.protocol import Target

DEFAULT_TARGET = "local"
TARGETS = ("local", "aci", "aks")


@dataclass(frozen=True)
class Cloud:
    """What a command says of a target of the cloud.

    Attributes:
        compute_target_name: for `aks`: the cluster, instead of the one in `deploy.yml`.
        canary: for `aks`: the new version's share of the traffic, in percent.
        deploys: whether a deployment is to follow, which cannot do without a cluster on `aks`.
    """

    compute_target_name: str | None = None
    canary: int | None = None
    deploys: bool = False


def open_target(
    name: str,
    repository: Repository,
    *,
    python: Path | None = None,
    port: int | None = None,
    cloud: Cloud | None = None,
) -> Target:
    """The target `name`, set as the repository's `deploy.yml` says; touches nothing.

    Args:
        name: one of `TARGETS`.
        repository: the model repository.
        python: interpreter of the scoring environment; needed to apply, not to look or delete.
        port: for `local`: instead of the one in `deploy.yml`.
        cloud: for `aci` and `aks`: what a command says instead of `deploy.yml`.

    Raises:
        TargetError: there is no such target; the workspace of a target of Azure's is not known.
    """
    if name not in TARGETS:
        raise TargetError(
            f"there is no target {name!r} in this version of toc-build.",
            code="TOC-TARGET-002",
            fix=f"choose one of: {', '.join(TARGETS)}.",
        )
    if name != DEFAULT_TARGET:
        from toc_build.targets.azure.opening import open_azure_target

        asked = cloud or Cloud()
        return open_azure_target(
            name,
            repository,
            compute_target_name=asked.compute_target_name,
            canary=asked.canary,
            deploys=asked.deploys,
        )
    return local_target(repository, python=python, port=port)


def local_target(
    repository: Repository,
    *,
    state_dir: Path | None = None,
    python: Path | None = None,
    port: int | None = None,
) -> LocalTarget:
    """The local target, for those that need more of it than the protocol: `serve`, and the tests' own server.

    Args:
        repository: the model repository.
        state_dir: where it keeps its state; by default where every command finds this repository's service.
        python: interpreter of the scoring environment; needed to apply, not to look or delete.
        port: instead of the one in `deploy.yml`; 0 for any free one.
    """
    local, scoring = repository.config.targets.local, repository.config.scoring
    settings = LocalSettings(
        python=python or Path(),
        repository=repository.root,
        port=local.port if port is None else port,
        readiness_seconds=local.readiness_seconds,
        workers=scoring.workers,
        threads=scoring.threads,
        timeout_seconds=scoring.timeout_seconds,
        scoring_dir=repository.scoring_dir.relative_to(repository.root).as_posix(),
        model_dir=repository.model_dir.relative_to(repository.root).as_posix(),
    )
    return LocalTarget(state_dir or service_dir(repository), settings)


def service_dir(repository: Repository) -> Path:
    """Where the local target keeps the state of this repository's service: one per folder, outside of it."""
    name = hashlib.sha256(str(repository.root.resolve()).encode()).hexdigest()[:16]
    return cache_dir() / "services" / name
