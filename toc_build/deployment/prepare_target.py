"""Prepares what a deploy or reload needs for the engine that will run it. Called by `apply`."""

from __future__ import annotations

from toc_build.bundle import Bundle
from toc_build.console import Console
from toc_build.deployment.prepare import prepare
from toc_build.repository import Repository
from toc_build.targets.protocol import Target
from toc_build.targets.registry import Cloud, open_target

DOCKER = "docker"


def prepare_target(
    name: str,
    repository: Repository,
    *,
    console: Console,
    port: int | None = None,
    engine: str | None = None,
    mounted: bool = False,
    cloud: Cloud | None = None,
) -> tuple[Repository, Target, Bundle]:
    """The target, ready to take the bundle.

    A process needs the scoring environment of this machine; a container does without, but its image stands on
    a base, which is pinned in `deploy.yml` on first use.

    Args:
        name: the target's name.
        repository: the loaded model repository.
        console: draws the long steps.
        port: see `open_target`.
        engine: see `open_target`.
        mounted: see `open_target`.
        cloud: see `open_target`.

    Returns:
        The repository, loaded again where `deploy.yml` was changed; the target; the bundle.

    Raises:
        UserError: whatever stands in the way.
    """
    place = open_target(name, repository, port=port, engine=engine, mounted=mounted, cloud=cloud)
    if place.describe().engine == DOCKER:
        from toc_build.deployment.image import prepare_image
        from toc_build.image.engine import Engine

        Engine.connect().close()  # an engine that is not there is said before anything is built
        repository, bundle, _ = prepare_image(repository.root, console)
        place = open_target(name, repository, port=port, engine=engine, mounted=mounted)
        return repository, place, bundle
    prepared = prepare(repository, console=console)
    python = prepared.environment.python
    place = open_target(name, repository, python=python, port=port, engine=engine, cloud=cloud)
    return repository, place, prepared.bundle
