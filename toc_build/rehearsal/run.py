"""Runs a command against a rehearsal: `toc-build rehearse -- COMMAND...` calls it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from toc_build.console import Console
from toc_build.errors import TargetError
from toc_build.rehearsal import process
from toc_build.rehearsal.process import Running
from toc_build.rehearsal.surroundings import forget, rehearsed

PROMISE = (
    "rehearsal: a pass proves that what the SDK sent was understood and that it took our answers, not that "
    "Azure behaves so."
)


def run(command: Sequence[str], *, faults: Sequence[str], console: Console) -> int:
    """Runs a command signed in to a rehearsal, and returns its exit status.

    The one that `start` keeps running is used when there is one; otherwise one of its own, gone afterwards.

    Args:
        command: program and arguments.
        faults: that are to happen, as they are written.
        console: tells what a pass proves, once.

    Raises:
        UserError: the rehearsal cannot be started, a fault cannot be read, or there is no such program.
    """
    from toc_build.rehearsal.faults import parse

    for text in faults:
        parse(text)
    program = shutil.which(command[0])
    if program is None:
        raise TargetError(
            f"there is no program {command[0]!r}.",
            code="TOC-REHEARSAL-006",
            where="toc-build rehearse -- COMMAND",
            fix="name one that is on PATH, or give its whole path.",
        )
    console.note(PROMISE)
    with _server(faults, console) as running:
        seen = _log_size(running)
        environment = rehearsed(os.environ, running)
        home = Path(environment.get("HOME") or Path.home())
        try:
            status = _run(program, command, environment)
        finally:
            forget(home, running)
        _tell_refused(running, seen, console)
        return status


@contextlib.contextmanager
def _server(faults: Sequence[str], console: Console) -> Iterator[Running]:
    kept = process.find(process.state_folder())
    if kept is not None:
        console.note(f"rehearsal: using the one that runs, {kept.base} (its state is kept)")
        if faults:
            kept.ask("POST", "faults", {"faults": list(faults)})
        yield kept
        return
    with console.step("rehearsal"):
        context = process.temporary(faults)
        running = context.__enter__()
    try:
        yield running
    finally:
        context.__exit__(None, None, None)


def _run(program: str, command: Sequence[str], environment: dict[str, str]) -> int:
    """Runs the command; Ctrl-C is its own to handle, because it stands in the same terminal."""
    child = subprocess.Popen([program, *command[1:]], env=environment)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        status = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, ended)
    return status if status >= 0 else 128 - status


def _log_size(running: Running) -> int:
    with contextlib.suppress(OSError):
        return (running.folder / process.LOG).stat().st_size
    return 0


def _tell_refused(running: Running, seen: int, console: Console) -> None:
    """Says which calls to the real cloud were stopped."""
    refused: Counter[str] = Counter()
    with contextlib.suppress(OSError), (running.folder / process.LOG).open(encoding="utf-8") as log:
        log.seek(seen)
        for line in log:
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry.get("step") == "proxy":
                    refused[str(entry["path"])] += 1
    if refused:
        shown = ", ".join(f"{host} ({count})" for host, count in refused.most_common(5))
        console.note(f"rehearsal: calls to the real cloud were refused: {shown}")
    sys.stdout.flush()
