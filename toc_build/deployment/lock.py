"""One change of a service at a time, from this repository: who holds it is told, and the dead hold nothing.

The lock is the operating system's, on a file in `.toc/locks/`; it goes with the process that holds it,
however that ends. A note beside it tells who and since when. Targets have locks of their own for changes from
elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from toc_build.deployment.history import who
from toc_build.deployment.records import RECORDS_DIR, unwritable, write_json
from toc_build.errors import TargetError, UserError

LOOK_SECONDS = 0.2  # `is_held` takes the lock for a moment


@contextlib.contextmanager
def hold(repository: Path, target: str, what: str) -> Iterator[None]:
    """Holds a target's service for one change.

    Args:
        repository: the model repository's folder.
        target: the target's name.
        what: the change, as a noun: told to whoever comes second.

    Raises:
        TargetError: somebody else holds it; the message says who and since when.
    """
    import filelock

    folder = repository / RECORDS_DIR / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None
    note = folder / f"{target}.json"
    lock = filelock.FileLock(folder / f"{target}.lock", timeout=LOOK_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise TargetError(
            f"target {target} is being changed by {_holder(note)}",
            code="TOC-APPLY-001",
            where=str(repository),
            fix="wait until that has ended, or end it with Ctrl-C where it runs, and try again.",
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from None
    try:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with contextlib.suppress(OSError, UserError):  # the lock holds without it
            write_json(note, {"what": what, "pid": os.getpid(), "who": who(), "since": since})
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def is_held(repository: Path, target: str) -> bool:
    """Whether a living command is changing the target's service now."""
    import filelock

    path = repository / RECORDS_DIR / "locks" / f"{target}.lock"
    if not path.exists():
        return False
    lock = filelock.FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        return True
    lock.release()
    return False


def _holder(note: Path) -> str:
    try:
        values = json.loads(note.read_text(encoding="utf-8"))
        return f"process {values['pid']} of {values['who']} ({values['what']} since {values['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process that has just begun"
