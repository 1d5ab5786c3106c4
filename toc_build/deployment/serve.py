"""Serves a model repository in the foreground while its code is written: what is saved is what answers.

Always as a process of this machine, whatever engine `deploy.yml` names: that is the quickest to start again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from toc_build.bundle.assembly import FileHasher
from toc_build.console import Console
from toc_build.deployment.prepare import prepare
from toc_build.deployment.progress import draw
from toc_build.deployment.watch import changes
from toc_build.errors import UserError
from toc_build.repository import Repository, load
from toc_build.targets.registry import local_target

LOOK_SECONDS = 0.5  # how often a service that was deleted from elsewhere is noticed


def serve(folder: Path, *, port: int | None = None, console: Console) -> None:
    """Serves until it is interrupted or deleted, and puts in place what is saved.

    A change that does not load, lock or start is told, and the version before answers on.

    Args:
        folder: the model repository.
        port: instead of the one in `deploy.yml`.
        console: draws steps, and shows the scorer's log.

    Raises:
        UserError: the first version does not come up.
    """
    hasher = FileHasher()
    loaded = load(folder)
    prepared = prepare(loaded, console=console, hasher=hasher)
    target = local_target(loaded, python=prepared.environment.python, port=port, engine="process")
    watched = ([loaded.scoring_dir, loaded.model_dir], _configuration(loaded))
    with target.foreground() as deleted, changes(*watched) as changed:
        draw(target.apply(prepared.bundle), console)
        uri = target.status().scoring_uri
        console.say(f"serving at {uri}", style="bold green")
        console.note(f"saving a file in {loaded.root} puts it in place; Ctrl-C ends")
        threading.Thread(
            target=_show, args=(target.logs(tail=1, follow=True), console.output), daemon=True
        ).start()
        digest = prepared.bundle.digest
        for _ in _until(deleted, changed):
            digest = _put_in_place(folder, digest, port=port, hasher=hasher, console=console)
        console.note("the service was deleted from elsewhere")


def _put_in_place(
    folder: Path, digest: str, *, port: int | None, hasher: FileHasher, console: Console
) -> str:
    """Brings the repository's present state into service; returns the digest that answers afterwards."""
    try:
        loaded = load(folder)
        prepared = prepare(loaded, console=console, hasher=hasher)
        if prepared.bundle.digest == digest:
            return digest
        target = local_target(loaded, python=prepared.environment.python, port=port, engine="process")
        draw(target.apply(prepared.bundle), console)
    except UserError as error:
        console.problem(error)
        console.note("the version before answers on; save again to try again", style="yellow")
        return digest
    return prepared.bundle.digest


def _configuration(repository: Repository) -> list[Path]:
    return [repository.root / "deploy.yml", repository.conda_path, repository.lock_path]


def _until(deleted: threading.Event, changed: queue.Queue[frozenset[Path]]) -> Iterator[frozenset[Path]]:
    while not deleted.is_set():
        try:
            yield changed.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            continue


def _show(lines: Iterator[str], output: Callable[[str], None]) -> None:
    for line in lines:
        output(line)
