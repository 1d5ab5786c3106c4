"""One change of a service at a time, on this machine; it says who holds it, and since when.

Between machines Azure itself refuses a second operation, and the candidate that stands beside a service says
who made it (see `transaction`).
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from toc_build.errors import TargetError


def who() -> str:
    """This person on this machine."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return f"{os.getuid() if hasattr(os, 'getuid') else 'somebody'}@{socket.gethostname()}"


def now() -> str:
    """This moment in UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Holds the lock while the block runs; a dead holder holds nothing.

    Args:
        path: the lock's file; made with its folder.
        what: what is done, such as `deployment`.

    Raises:
        TargetError: somebody else holds it.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    note = path.with_suffix(".json")
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise TargetError(
            f"this service is being changed by {_holder(note)}",
            code="TOC-TARGET-004",
            fix="wait until that has ended, and run the command again",
        ) from None
    try:
        note.write_text(json.dumps({"what": what, "pid": os.getpid(), "since": now(), "who": who()}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        told = json.loads(note.read_text())
        return f"process {told['pid']} of {told['who']} ({told['what']}, since {told['since']})"
    except (OSError, ValueError, KeyError):
        return f"another process (since {now()} at the latest)"
