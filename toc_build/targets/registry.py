"""Which targets there are, and how `deploy.yml` sets each: the one place that knows them all by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from toc_build.errors import TargetError
from toc_build.paths import cache_dir
from toc_build.repository import Repository
from toc_build.targets.local import ContainerSettings, LocalSettings, LocalTarget
from toc_build.targets.local.images import ImageShelf
from toc_build.targets.protocol import Target

if TYPE_CHECKING:
    from toc_build.bundle import Bundle
    from toc_build.image import BuiltImage

DEFAULT_TARGET = "local"
ENGINES = ("process", "docker")
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
    engine: str | None = None,
    mounted: bool = False,
    cloud: Cloud | None = None,
) -> Target:
    """The target `name`, set as the repository's `deploy.yml` says; touches nothing.

    Args:
        name: one of `TARGETS`.
        repository: the model repository.
        python: interpreter of the scoring environment; needed to apply, not to look or delete.
        port: for `local`: instead of the one in `deploy.yml`.
        engine: for `local`: instead of the one in `deploy.yml`, one of `ENGINES`.
        mounted: for `local` with a container engine: take the image of the deployment before, with code and
            model mounted in place of its own, where nothing else differs.
        cloud: for `aci` and `aks`: what a command says instead of `deploy.yml`.

    Raises:
        TargetError: there is no such target or engine; the workspace of a target of Azure's is not known.
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
    return local_target(repository, python=python, port=port, engine=engine, mounted=mounted)


def local_target(
    repository: Repository,
    *,
    state_dir: Path | None = None,
    python: Path | None = None,
    port: int | None = None,
    engine: str | None = None,
    mounted: bool = False,
) -> LocalTarget:
    """The local target, for those that need more of it than the protocol: `serve`, and the tests' own server.

    Args:
        repository: the model repository.
        state_dir: where it keeps its state; by default where every command finds this repository's service.
        python: interpreter of the scoring environment; needed to apply, not to look or delete.
        port: instead of the one in `deploy.yml`; 0 for any free one.
        engine: instead of the one in `deploy.yml`, one of `ENGINES`.
        mounted: see `open_target`.

    Raises:
        TargetError: there is no such engine.
    """
    local, scoring = repository.config.targets.local, repository.config.scoring
    engine = engine or local.engine
    if engine not in ENGINES:
        raise TargetError(
            f"there is no engine {engine!r} in this version of toc-build.",
            code="TOC-ENGINE-012",
            fix=f"choose one of: {', '.join(ENGINES)}.",
        )
    container = ContainerSettings(
        port=repository.config.image.port,
        memory_gb=local.container.memory_gb,
        pids_limit=local.container.pids_limit,
        outbound=local.container.outbound,
        mounted=mounted,
    )
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
        container=container if engine == "docker" else None,
    )
    folder = state_dir or service_dir(repository)
    return LocalTarget(folder, settings, _images(folder, repository))


def running_engine(repository: Repository) -> str | None:
    """What runs the repository's local service now; None when nothing does."""
    from toc_build.targets.local.state import StateFolder

    record = StateFolder(service_dir(repository)).live()
    if record is None:
        return None
    return "process" if record.engine is None else "docker"


def _images(folder: Path, repository: Repository) -> ImageShelf:
    """Where a service's containers get their images from; nothing is built or asked before it is needed."""

    def build(bundle: Bundle, tell: Callable[[str], None]) -> BuiltImage:
        from toc_build.image import ImageSettings, build_image

        return build_image(bundle, settings=ImageSettings.of(repository), progress=tell)

    def surroundings() -> str:
        from toc_build.image import ImageSettings

        settings = ImageSettings.of(repository)
        # What says where an image comes from, or judges it, changes nothing that runs.
        return repr(replace(settings, revision=None, samples=(), deploy_path=None, description=None))

    def check(image: BuiltImage, tell: Callable[[str], None]) -> None:
        from toc_build.image.demand import SignatureDemand

        demand = SignatureDemand.of(repository)
        if demand is not None:
            demand.check_built(image, tell)

    signed = repository.config.image.signed_by is not None
    return ImageShelf(folder, build, surroundings, check if signed else None)


def service_dir(repository: Repository) -> Path:
    """Where the local target keeps the state of this repository's service: one per folder, outside of it."""
    name = hashlib.sha256(str(repository.root.resolve()).encode()).hexdigest()[:16]
    return cache_dir() / "services" / name
