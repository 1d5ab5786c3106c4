"""The replicas of one version: started together, counted, started again when they crash, drained, stopped."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from toc_build.rehearsal.scorers.container import ContainerReplica
from toc_build.rehearsal.scorers.failures import StartFailed
from toc_build.rehearsal.scorers.program import Program
from toc_build.rehearsal.scorers.replica import Replica
from toc_build.rehearsal.scorers.running import RunningReplica

KEPT_LINES = 5000  # as many as the SDK asks for
DRAIN_SECONDS = 60.0
RESTART_SECONDS = 1.0


class Group:
    """Replicas that run the same program.

    Args:
        program: what they run.
        folder: for their temporary files.
        on_change: called when a replica crashed or came back.
    """

    def __init__(self, program: Program, folder: Path, on_change: Callable[[], None]) -> None:
        self.program = program
        self._folder, self._on_change = folder, on_change
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._replicas: list[RunningReplica] = []
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._busy: dict[int, int] = {}
        self._turn = 0
        self.crashes = 0

    def start(self, count: int) -> None:
        """Starts replicas and waits until all answer; when one does not, none is left.

        Raises:
            StartFailed: why.
        """
        try:
            for _ in range(count):
                with self._lock:
                    self._replicas.append(self._new())
            for replica in list(self._replicas):
                replica.wait_ready(self._ending)
        except BaseException:
            self.stop(grace_seconds=0.2)
            raise
        threading.Thread(target=self._watch, name="replicas", daemon=True).start()

    def scale(self, count: int) -> None:
        """Starts or stops replicas until there are so many.

        Raises:
            StartFailed: a new one did not come up; those that were there stay.
        """
        while len(self._replicas) < count:
            replica = self._new()
            try:
                replica.wait_ready(self._ending)
            except StartFailed:
                replica.stop(0.2)
                raise
            with self._lock:
                self._replicas.append(replica)
        while len(self._replicas) > count:
            with self._lock:
                replica = self._replicas.pop()
            self._drain(replica)
            replica.stop()

    def take(self, limit: int | None) -> RunningReplica | None:
        """The replica with the least to do, counted as busier; None when all have `limit` requests.

        Args:
            limit: requests that one may have at once; None for any number.
        """
        with self._lock:
            living = [replica for replica in self._replicas if replica.alive]
            if not living or self._ending.is_set():
                return None
            first = self._turn % len(living)  # of those with as little to do, the next in turn
            least = min(living[first:] + living[:first], key=lambda replica: self._busy.get(replica.port, 0))
            if limit is not None and self._busy.get(least.port, 0) >= limit:
                return None
            self._busy[least.port] = self._busy.get(least.port, 0) + 1
            self._turn += 1
            return least

    def give_back(self, replica: RunningReplica) -> None:
        """The replica has one request less."""
        with self._lock:
            self._busy[replica.port] -= 1

    @property
    def ended(self) -> threading.Event:
        """Set once it is to end."""
        return self._ending

    @property
    def living(self) -> int:
        """How many replicas run."""
        with self._lock:
            return sum(replica.alive for replica in self._replicas)

    def log(self, tail: int | None = None) -> list[str]:
        """What they wrote, the oldest line first."""
        lines = list(self._lines)
        return lines if tail is None else lines[-tail:] if tail else []

    def retire(self) -> None:
        """Stops the replicas once they have finished what they are at; nothing new may be sent to them."""
        self._ending.set()
        for replica in self._replicas:
            self._drain(replica)
        self.stop()

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Stops the replicas."""
        self._ending.set()
        with self._lock:
            doomed = list(self._replicas)
        for replica in doomed:
            replica.stop(grace_seconds)  # waits, also when another thread stops it already
        with self._lock:
            self._replicas.clear()

    def _drain(self, replica: RunningReplica) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._busy.get(replica.port, 0) > 0 and replica.alive and time.monotonic() < deadline:
            time.sleep(0.01)

    def _new(self) -> RunningReplica:
        kind = Replica if self.program.image is None else ContainerReplica
        return kind(self.program, self._folder / f"replica-{next(self._numbers)}", self._lines.append)

    def _watch(self) -> None:
        """Starts crashed replicas again, as Kubernetes and container groups do."""
        while not self._ending.wait(0.2):
            with self._lock:
                dead = [replica for replica in self._replicas if not replica.alive]
            for replica in dead:
                self.crashes += 1
                self._on_change()
                replica.stop()
                if self._ending.wait(RESTART_SECONDS):
                    return
                with self._lock:
                    if replica in self._replicas:
                        self._replicas[self._replicas.index(replica)] = self._new()
                self._on_change()
