"""What running replicas of both kinds have in common, processes and containers: starting, waiting, ending."""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from toc_build.rehearsal.scorers.failures import StartFailed
from toc_build.rehearsal.scorers.program import WORKER_FAILED, WORKER_FAILED_STATUS, Program, answers

TICK_SECONDS = 0.05


class RunningReplica(ABC):
    """A running replica. It runs as soon as the object is there, and ends with `stop()`.

    Args:
        program: what it runs.
        folder: to be made, for what belongs to it; removed at its end.
        write: given each line of its output.

    Raises:
        StartFailed: it cannot be started.
    """

    port: int

    def __init__(self, program: Program, folder: Path, write: Callable[[str], None]) -> None:
        self._program, self._folder, self._write = program, folder, write
        self._lock = threading.Lock()
        self._stopped = False
        self._killed_at = math.inf
        self._ready = False
        self._worker_failed = threading.Event()

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether it runs."""

    def wait_ready(self, given_up: threading.Event) -> None:
        """Waits until it answers.

        Raises:
            StartFailed: it ended, took too long, or is wanted no more.
        """
        deadline = time.monotonic() + self._program.startup_seconds
        while not given_up.is_set():
            if not self.alive:
                status = self._exit_status()
                raise StartFailed(f"the container ended with exit code {status}", status)
            if self._worker_failed.is_set():
                self._let_it_finish()
                raise StartFailed("the container ended: its worker did not start", WORKER_FAILED_STATUS)
            if answers(self.port):
                self._ready = True
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"the container was not ready after {self._program.startup_seconds:g} s")
            time.sleep(TICK_SECONDS)
        raise StartFailed("the deployment was given up")

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Ends it: kindly first, then at once. Harmless when repeated; the shortest grace counts."""
        self._killed_at = min(self._killed_at, time.monotonic() + grace_seconds)
        with self._lock:
            if not self._stopped:
                self._end()
            self._stopped = True

    @abstractmethod
    def _exit_status(self) -> int:
        """How it ended, once it has; all that it printed was written then."""

    @abstractmethod
    def _let_it_finish(self) -> None:
        """Give one whose worker failed a moment for the rest of its output."""

    @abstractmethod
    def _end(self) -> None:
        """End it by `_killed_at`, and remove what belongs to it."""

    def _take(self, raw: bytes) -> None:
        """A line that it printed."""
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        self._write(line)
        if not self._ready and WORKER_FAILED.search(line):
            self._worker_failed.set()
