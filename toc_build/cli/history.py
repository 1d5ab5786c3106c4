"""`toc-build history`: what was deployed where and when, from which digest, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption

if TYPE_CHECKING:
    from toc_build.deployment.history import Deployment

_STYLES = {"succeeded": "green", "failed": "red", "rejected": "red", "running": "bold"}


def history(
    repository: RepositoryOption = HERE,
    target: Annotated[
        str | None, typer.Option("--target", "-t", metavar="TARGET", help="Only of this target.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the deployments on record, oldest first."""
    from toc_build.console import Console
    from toc_build.deployment.apply import history as on_record

    console = Console()
    found = on_record(repository, target)
    if as_json:
        console.json([item.to_json() for item in found])
        return
    for item in found:
        console.say(_line(item), style=_STYLES.get(item.result.value, "yellow"))
        if item.reason:
            console.say(f"      {item.reason}")
        if item.report:
            console.say(f"      report: {item.report}/index.html")
    if not found:
        console.say("nothing was deployed yet")


def _line(item: Deployment) -> str:
    started = datetime.fromisoformat(item.started)
    when = started.astimezone().isoformat(sep=" ", timespec="seconds")[:19]
    took = ""
    if item.ended is not None:
        took = f" in {(datetime.fromisoformat(item.ended) - started).total_seconds():.0f} s"
    kind = item.kind if item.restores is None else f"{item.kind} to {item.restores}"
    digest = item.digest.removeprefix("sha256:")[:12]
    revision = f"  git {item.revision[:8]}{'+' if '+' in item.revision else ''}" if item.revision else ""
    place = f"{item.target} (rehearsal)" if "(rehearsal)" in item.plan.get("where", "") else item.target
    return f"{item.number:>4}  {when}  {place}  {kind}  {digest}  {item.result.value}{took}{revision}"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(history)
