"""Puts a model repository's bundle on a target, and finds the service that an earlier deploy left there."""

from __future__ import annotations

from pathlib import Path

from toc_build.console import Console
from toc_build.deployment.prepare import prepare
from toc_build.deployment.progress import draw
from toc_build.deployment.service import Service
from toc_build.repository import load
from toc_build.targets.registry import DEFAULT_TARGET, open_target


def deploy(
    repository: str | Path = ".",
    target: str = DEFAULT_TARGET,
    *,
    port: int | None = None,
    console: Console | None = None,
) -> Service:
    """Deploys a model repository and returns the running service.

    Makes the lock when there is none, builds the scoring environment when there is none for that lock,
    assembles the bundle, and makes it the one that answers. A service that runs already serves until the
    new version is ready, and goes on serving when that fails.

    Args:
        repository: the folder that holds `deploy.yml`.
        target: where it runs: `local`, a background process on this machine.
        port: for `local`: instead of the one in `deploy.yml`; 0 for any free one.
        console: draws the long steps; a quiet one when omitted.

    Raises:
        UserError: the repository is not in order, or the target refused or failed; the cause comes with it.
    """
    console = console or Console(quiet=True)
    loaded = load(Path(repository))
    open_target(target, loaded)  # a target that does not exist is said before anything is built
    prepared = prepare(loaded, console=console)
    place = open_target(target, loaded, python=prepared.environment.python, port=port)
    draw(place.apply(prepared.bundle), console)
    return Service(loaded.root, place, console=console)


def open_service(
    repository: str | Path = ".", target: str = DEFAULT_TARGET, *, console: Console | None = None
) -> Service:
    """The service that an earlier deploy of this model repository left on `target`, whatever its state.

    Raises:
        UserError: this is no model repository, or there is no such target.
    """
    loaded = load(Path(repository))
    return Service(loaded.root, open_target(target, loaded), console=console)
