"""`toc-build delete`: stops the service and removes what it left."""

from __future__ import annotations

import typer

from toc_build.cli.options import HERE, RepositoryOption, TargetOption


def delete(repository: RepositoryOption = HERE, target: TargetOption = "local") -> None:
    """Stop the service and remove what it left; does nothing when there is none."""
    from toc_build.console import Console
    from toc_build.deployment import open_service
    from toc_build.targets.protocol import State

    console = Console()
    service = open_service(repository, target, console=console)
    before = service.status() if target == "local" else None
    service.delete()
    if before is None or before.state is not State.ABSENT:
        console.say("nothing of it runs any more")
        return
    console.say("nothing was deployed from here")
    if before.detail:
        console.note(before.detail, style="yellow")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(delete)
