"""How often, and after how long, a server that crashed is started again. Used by `service.py`; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class RestartPolicy:
    """Bounded back-off.

    Attributes:
        limit: restarts within the window; one more crash and the service has failed.
        window_seconds: how long a crash counts.
        first_delay_seconds: before the first restart; each further one within the window waits twice as long.
    """

    limit: int = 5
    window_seconds: float = 120.0
    first_delay_seconds: float = 0.1
    _crashes: deque[float] = field(default_factory=deque, repr=False)

    def next_delay(self, now: float) -> float | None:
        """Note a crash at the time `now`, in seconds; the wait before the restart, None to give up."""
        while self._crashes and now - self._crashes[0] > self.window_seconds:
            self._crashes.popleft()
        if len(self._crashes) >= self.limit:
            return None
        delay = self.first_delay_seconds * float(2 ** len(self._crashes))
        self._crashes.append(now)
        return delay

    @property
    def recent(self) -> int:
        """Crashes that count now."""
        return len(self._crashes)

    def forget(self) -> None:
        """Another bundle is another story."""
        self._crashes.clear()
