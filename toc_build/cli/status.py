"""`toc-build status`: what runs, where, from which digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption, TargetOption

if TYPE_CHECKING:
    from toc_build.targets.protocol import Status


def status(
    repository: RepositoryOption = HERE, target: TargetOption = "local", as_json: JsonOption = False
) -> None:
    """Say what is true of the service now."""
    from toc_build.console import Console
    from toc_build.deployment import open_service
    from toc_build.deployment.apply import history

    console = Console()
    found = open_service(repository, target).status()
    history(repository, target)  # settles what a command that was killed left open
    if as_json:
        console.json(status_as_json(found))
        return
    console.say(f"state    {found.state.value}")
    for name, value in (
        ("answers", found.scoring_uri),
        ("bundle", found.digest),
        (
            "since",
            found.started.astimezone().isoformat(sep=" ", timespec="seconds") if found.started else None,
        ),
        ("process", found.pid),
        ("detail", found.detail),
    ):
        if value is not None:
            console.say(f"{name:<8} {value}")


def status_as_json(found: Status) -> dict[str, Any]:
    """The status as JSON values; also what `deploy --json` prints."""
    return {
        "state": found.state.value,
        "scoring_uri": found.scoring_uri,
        "digest": found.digest,
        "pid": found.pid,
        "started": found.started.isoformat() if found.started else None,
        "detail": found.detail,
    }


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(status)
