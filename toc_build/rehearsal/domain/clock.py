"""Time as the services write it. The clock is passed in, so that tests can turn it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

Clock = Callable[[], float]


def system_clock() -> float:
    """Seconds since 1970."""
    return time.time()


def iso(seconds: float) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def stamp(seconds: float) -> str:
    """`YYYYMMDDhhmmss` in UTC, as streamed operation logs have it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y%m%d%H%M%S")
