"""`toc-build delete`: stops the service and removes what it left."""

from __future__ import annotations

import typer

from toc_build.cli.options import HERE, RepositoryOption, TargetOption


def delete(repository: RepositoryOption = HERE, target: TargetOption = "local") -> None:
    """Stop the service and remove what it left; does nothing when there is none."""
    from toc_build.console import Console
    from toc_build.deployment import open_service

    console = Console()
    open_service(repository, target, console=console).delete()
    console.say("nothing of it runs any more")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(delete)
