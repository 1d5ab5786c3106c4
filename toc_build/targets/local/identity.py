"""A process named so that a reused pid is not mistaken for it.

Used by the state folder, and to end what was left behind.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

# A start time is worked out from the time of boot, which moves when the clock is set.
CLOCK_TOLERANCE_SECONDS = 30.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A pid and when its process started.

    Attributes:
        pid: its number.
        started: Unix time in seconds.
        birth: the machine's boot and the clock ticks from then to the start, where the system tells: no
            change of the clock moves it.
    """

    pid: int
    started: float
    birth: str | None = None

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The identity of a process that runs now.

        Raises:
            psutil.NoSuchProcess: there is none.
        """
        return cls(pid, psutil.Process(pid).create_time(), _birth(pid))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ProcessIdentity:
        """The identity back from JSON values."""
        return cls(int(values["pid"]), float(values["started"]), values.get("birth"))

    def to_json(self) -> dict[str, Any]:
        """The identity as JSON values."""
        return {"pid": self.pid, "started": self.started, "birth": self.birth}

    def alive(self) -> bool:
        """Whether this very process runs; a dead one that nobody has waited for does not."""
        try:
            process = psutil.Process(self.pid)
            birth = _birth(self.pid) if self.birth is not None else None
            if birth is not None and birth != self.birth:
                return False
            if birth is None and abs(process.create_time() - self.started) > CLOCK_TOLERANCE_SECONDS:
                return False
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:  # it is there, and another user's
            return True

    def resident_bytes(self) -> int | None:
        """The memory of the process and all its children; None when it is gone."""
        try:
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
            return sum(member.memory_info().rss for member in family) if self.alive() else None
        except psutil.Error:
            return None

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process, or to the group that it leads, if it still runs."""
        if not self.alive():
            return
        try:
            if group:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def _birth(pid: int) -> str | None:
    """When a process started, in Linux's own words: the boot, and the ticks since (proc(5), field 22)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return f"{boot}/{int(fields[19])}"
    except (OSError, ValueError, IndexError):
        return None


def wait_until_gone(processes: Iterable[ProcessIdentity], seconds: float) -> bool:
    """Wait until none of the processes runs; False when one still does after `seconds`."""
    deadline = time.monotonic() + seconds
    waiting = list(processes)
    while waiting := [process for process in waiting if process.alive()]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
