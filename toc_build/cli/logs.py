"""`toc-build logs`: what the scorer wrote."""

from __future__ import annotations

from typing import Annotated

import typer

from toc_build.cli.options import HERE, RepositoryOption, TargetOption


def logs(
    repository: RepositoryOption = HERE,
    target: TargetOption = "local",
    tail: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only so many of the last lines.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until the service ends.")
    ] = False,
) -> None:
    """Print what the scorer wrote, oldest line first."""
    from toc_build.deployment import open_service

    for line in open_service(repository, target).logs(tail=tail, follow=follow):
        typer.echo(line)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(logs)
