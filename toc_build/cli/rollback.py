"""`toc-build rollback`: puts an earlier version back."""

from __future__ import annotations

from typing import Annotated

import typer

from toc_build.cli.options import HERE, RepositoryOption, TargetOption


def rollback(
    repository: RepositoryOption = HERE,
    target: TargetOption = "local",
    to: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="The deployment to go back to, as `toc-build history` numbers it."
        ),
    ] = None,
) -> None:
    """Put an earlier version back, with the settings of then; by default the one before that which answers.

    What answers now serves until the earlier version is ready, and goes on when it does not start.
    """
    from toc_build.console import Console
    from toc_build.deployment.apply import rollback as put_back

    console = Console()
    done = put_back(repository, target, to=to, console=console)
    digest = done.digest.removeprefix("sha256:")[:12]
    origin = done.restores or done.number
    console.say(f"deployment {origin} answers again: bundle {digest}", style="bold green")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(rollback)
