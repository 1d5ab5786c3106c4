"""`toc-build env`: the scoring environments in the cache, one per lock, shared by all model repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption

app = typer.Typer(
    help="List, find or remove scoring environments.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the environments in the cache, the most recently used first.

    Sizes are what the files would take alone; files that environments share are hard links, stored once.
    """
    import time

    from toc_build.console import Console
    from toc_build.environment import list_environments
    from toc_build.paths import cache_dir

    console = Console()
    found = list_environments()
    now = time.time()
    if as_json:
        console.json(
            [
                {
                    "key": item.key,
                    "kind": item.kind,
                    "path": str(item.root),
                    "python": item.marker.python if item.marker else None,
                    "size_bytes": item.marker.size_bytes if item.marker else None,
                    "locks": list(item.marker.locks) if item.marker else [],
                    "days_unused": round((now - item.last_used) / 86400, 2),
                    "pids": list(item.pids),
                    "whole": item.whole,
                }
                for item in found
            ]
        )
        return
    for item in found:
        state = (
            "damaged"
            if item.marker is None
            else f"Python {item.marker.python}  {item.marker.size_bytes / 1e6:7.0f} MB"
        )
        used = "in use" if item.in_use else f"used {_ago(now - item.last_used)}"
        lock = f"  {_last_lock(item.marker.locks)}" if item.marker and item.marker.locks else ""
        console.say(f"{item.key[:12]}  {item.kind:<7}  {state}  {used}{lock}")
    console.note(f"{len(found)} in {cache_dir()}")


@app.command("path")
def path_command(repository: RepositoryOption = HERE) -> None:
    """Print the interpreter of the repository's scoring environment, for an editor say; built if need be."""
    from toc_build.console import Console
    from toc_build.deployment.prepare import scoring_environment
    from toc_build.environment import check_lock
    from toc_build.repository import load

    console = Console()
    loaded = load(repository)
    check_lock(loaded)
    console.say(str(scoring_environment(loaded, console).python))


@app.command("prune")
def prune_command(
    days: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Remove what nothing has used for so many days.")
    ] = 30.0,
    everything: Annotated[bool, typer.Option("--all", help="Remove all that no process uses.")] = False,
) -> None:
    """Remove environments, bundles and images that nothing has used for a while, and damaged ones.

    What a running service uses stays, whatever the options say.
    """
    import time

    from toc_build.bundle.store import prune_bundles
    from toc_build.console import Console
    from toc_build.environment import prune
    from toc_build.image.housekeeping import prune_images

    console = Console()
    now = time.time()
    removed = prune(now=now, older_than_days=days, everything=everything)
    bundles = prune_bundles(now=now, older_than_days=0 if everything else days)
    images = prune_images(now=now, older_than_days=0 if everything else days)
    for item in removed:
        console.say(f"removed {item.key[:12]}  {item.kind}")
    console.say(f"{len(removed)} environments, {bundles} bundles and {images} images removed")


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"


def _last_lock(locks: tuple[str, ...]) -> str:
    return str(Path(locks[-1]).parent.name)
