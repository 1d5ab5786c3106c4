"""`toc-build lock`: makes requirements.lock from conda.yml."""

from __future__ import annotations

from typing import Annotated

import typer

from toc_build.cli.options import HERE, RepositoryOption


def lock(
    repository: RepositoryOption = HERE,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Take the newest versions that conda.yml admits.")
    ] = False,
    rehash: Annotated[
        bool,
        typer.Option(
            "--rehash", help="Keep versions and hashes, and add the hashes of files that came since."
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the lock fits conda.yml; offline.")
    ] = False,
) -> None:
    """Make requirements.lock: exact versions with hashes of what conda.yml asks for.

    A lock that fits is left as it is; versions that it names are kept where they still fit.
    """
    from toc_build.console import Console
    from toc_build.environment import check_lock
    from toc_build.environment import lock as make_lock
    from toc_build.errors import EnvironmentBuildError
    from toc_build.repository import load

    console = Console()
    loaded = load(repository, check_folder=False)  # missing weights need not stop a lock
    if not (upgrade or rehash):
        try:
            check_lock(loaded)
        except EnvironmentBuildError:
            if check:
                raise
        else:
            console.say(
                f"{loaded.lock_path.name} fits {loaded.conda_path.name}; --upgrade takes newer versions"
            )
            return
    with console.step("lock") as update:
        path = make_lock(loaded, upgrade=upgrade, rehash=rehash, progress=update)
    console.say(str(path))


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(lock)
