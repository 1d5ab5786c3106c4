"""The service's log file: written by the supervisor, read by `logs` in any process.

It holds what the servers print, and the supervisor's own lines, which start with `toc-build: `. It is capped:
when the file is full it becomes `<name>.1`, in place of the one before.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 5_000_000  # of each of the two files
POLL_SECONDS = 0.1
OWN_PREFIX = "toc-build: "


class ServiceLog:
    """Appends lines to a log file of bounded size; safe to use from several threads.

    Args:
        path: the file; its folder exists.
        max_bytes: size at which it is set aside.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._ended = False
        self._file: BinaryIO = path.open("ab")

    def write(self, line: str) -> None:
        """Append one line, given without its line end. A full disk loses lines, never the service."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            if self._ended:
                return
            try:
                if self._file.closed:  # a disk that was full when it was to be set aside
                    self._file = self.path.open("ab")
                if self._file.tell() + len(data) > self._max_bytes:
                    self._rotate()
                self._file.write(data)
                self._file.flush()
            except OSError:
                return

    def note(self, text: str) -> None:
        """Append a line of the supervisor's own."""
        self.write(OWN_PREFIX + text)

    def close(self) -> None:
        """Close the file; later lines are dropped."""
        with self._lock:
            self._ended = True
            self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        self.path.replace(set_aside(self.path))
        self._file = self.path.open("ab")


def set_aside(path: Path) -> Path:
    """Where the older half of a log is kept."""
    return path.with_name(path.name + ".1")


def read_lines(path: Path, tail: int | None) -> Iterator[str]:
    """The kept lines, oldest first; the last `tail` of them when it is given."""
    lines: deque[str] = deque(maxlen=tail)
    for part in (set_aside(path), path):
        if part.exists():
            with part.open(encoding="utf-8", errors="replace", newline="\n") as file:
                lines.extend(line.rstrip("\r\n") for line in file)
    yield from lines


def follow_lines(
    path: Path,
    tail: int | None,
    alive: Callable[[], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The kept lines and then new ones as they come, until the service has ended and all is read.

    Args:
        path: the log file.
        tail: how many of the kept lines.
        alive: whether something may still write.
        sleep: waits for a number of seconds.
    """
    with path.open("rb") as file:
        position = file.seek(0, 2)
    # Lines written between here and the first read below are read there: the position was taken first.
    kept = deque(read_lines_until(path, position), maxlen=tail)
    yield from kept
    file = path.open("rb")
    try:
        file.seek(position)
        rest = b""
        while True:
            last_look = not alive()
            rotated = _rotated(file, path)  # then this file gets no more than what is read below
            data = file.read()
            if data:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    yield line.decode("utf-8", "replace").rstrip("\r")
                continue
            if rotated:
                file.close()
                file = path.open("rb")
                continue
            if last_look:
                return
            sleep(POLL_SECONDS)
    finally:
        file.close()


def read_lines_until(path: Path, position: int) -> Iterator[str]:
    """The kept lines of the set-aside file and of the first `position` bytes of the current one."""
    older = set_aside(path)
    if older.exists():
        yield from _lines_of(older.read_bytes())
    with path.open("rb") as file:
        yield from _lines_of(file.read(position))


def _lines_of(data: bytes) -> list[str]:
    lines = data.split(b"\n")
    return [line.decode("utf-8", "replace").rstrip("\r") for line in lines[: -1 if not lines[-1] else None]]


def _rotated(file: BinaryIO, path: Path) -> bool:
    import os

    try:
        return os.fstat(file.fileno()).st_ino != path.stat().st_ino
    except FileNotFoundError:
        return False
