"""The request log: one JSON line for each request, without bodies, headers or signatures."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from toc_build.rehearsal.domain.clock import Clock, iso


class RequestLog:
    """Writes what was asked.

    Args:
        path: of the file; lines are added at its end.
        clock: seconds since 1970.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, **values: Any) -> None:
        """Adds a line; values that are None or empty are left out, numbers are rounded to 3 places."""
        line: dict[str, Any] = {"time": iso(self._clock())}
        for name, value in values.items():
            if value is not None and value != "":
                line[name] = round(value, 3) if isinstance(value, float) else value
        with self._lock:
            if not self._file.closed:
                self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._file.close()


def shown(line: str) -> str:
    """A line of the log for a person."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    clock = str(entry.get("time", ""))[11:23]
    fault = f"  fault {entry['fault']}" if "fault" in entry else ""
    note = f"  {entry['note']}" if "note" in entry else ""
    what = f"{entry.get('method', ''):6} {entry.get('path', '')}"
    took = f"{entry.get('seconds', 0):7.3f} s"
    return f"{clock}  {entry.get('status', ''):3} {took}  {entry.get('step', ''):20} {what}{fault}{note}"
