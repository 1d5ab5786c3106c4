"""`toc-build serve`: the scorer in the foreground, with what is saved put in place."""

from __future__ import annotations

from typing import Annotated

import typer

from toc_build.cli.options import HERE, RepositoryOption


def serve(
    repository: RepositoryOption = HERE,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Instead of the one in deploy.yml; 0: any free one."
        ),
    ] = None,
) -> None:
    """Serve in the foreground; saving a file in scoring/, model/ or the configuration puts it in place.

    A version that does not start is told, and the one before answers on. Ctrl-C ends.
    """
    from toc_build.console import Console
    from toc_build.deployment.serve import serve as serve_repository

    serve_repository(repository, port=port, console=Console())


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(serve)
