"""Events of named steps with their times and deadlines, so that every target tells its work alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from toc_build.errors import TargetError
from toc_build.targets.protocol import Event, EventKind

# Seconds that a step may take where the target or deploy.yml does not say otherwise. The first build of an
# image in Azure has been seen to take 45 minutes; nothing that is alive takes longer.
DEADLINES: Mapping[str, float] = {
    "upload": 1800.0,
    "build": 3600.0,
    "schedule": 900.0,
    "init": 600.0,
    "ready": 300.0,
    "samples": 600.0,
    "switch": 300.0,
}


class Steps:
    """The steps of one apply.

    Args:
        deadlines: step -> seconds, over `DEADLINES`.
        clock: gives seconds.
    """

    def __init__(
        self, deadlines: Mapping[str, float] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._deadlines = {**DEADLINES, **(deadlines or {})}
        self._clock = clock
        self._begun = clock()
        self._step = ""
        self._step_begun = self._begun

    def start(self, name: str, text: str = "") -> Event:
        """The event of a step's start."""
        self._step, self._step_begun = name, self._clock()
        return Event(EventKind.STEP_STARTED, name, text)

    def finish(self) -> Event:
        """The event of the present step's end."""
        return Event(EventKind.STEP_FINISHED, self._step, seconds=self._clock() - self._step_begun)

    def log(self, line: str) -> Event:
        """The event of a line of the server's."""
        return Event(EventKind.LOG, self._step, line)

    def progress(self, text: str, fraction: float | None = None) -> Event:
        """The event of something done within the present step."""
        return Event(EventKind.PROGRESS, self._step, text, fraction=fraction)

    def ready(self, scoring_uri: str) -> Event:
        """The last event of an apply."""
        return Event(EventKind.READY, "ready", scoring_uri, self._clock() - self._begun)

    def remaining(self) -> float:
        """Seconds until the present step's deadline, at least 0."""
        limit = self._deadlines.get(self._step)
        return float("inf") if limit is None else max(0.0, self._step_begun + limit - self._clock())

    def hold(self, detail: str | None = None) -> None:
        """Give up when the present step is past its deadline; to be called in every wait.

        Args:
            detail: the evidence of what it was doing, such as the end of the log.

        Raises:
            TargetError: it is.
        """
        if self.remaining() > 0:
            return
        limit = self._deadlines[self._step]
        raise TargetError(
            f"the step {self._step} did not end within {limit:g} s and was given up",
            code="TOC-TARGET-003",
            fix="look at the lines below and at `toc-build logs`; what answered before answers on",
            details=detail,
        )
