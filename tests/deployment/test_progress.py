from __future__ import annotations

from collections.abc import Iterator

import pytest

from toc_build.console import Console
from toc_build.deployment.progress import draw
from toc_build.errors import TargetError
from toc_build.targets.protocol import Event, EventKind


def test_steps_and_lines_are_drawn_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        Event(EventKind.STEP_STARTED, "init", "starting the scorer"),
        Event(EventKind.PROGRESS, "init", "init() runs"),
        Event(EventKind.STEP_FINISHED, "init", seconds=1.0),
        Event(EventKind.LOG, "", "a line of the log"),
        Event(EventKind.READY, seconds=1.0),
    ]
    draw(iter(events), Console(clock=lambda: 0.0))
    assert capsys.readouterr().err == "✓ starting the scorer  0.0 s\na line of the log\n"


def test_a_failure_marks_its_step_and_closes_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    closed = []

    def failing() -> Iterator[Event]:
        try:
            yield Event(EventKind.STEP_STARTED, "init")
            raise TargetError("no", code="TOC-X-001")
        finally:
            closed.append(True)

    with pytest.raises(TargetError):
        draw(failing(), Console())
    assert capsys.readouterr().err.startswith("✗ init")
    assert closed == [True]


def test_leaving_early_cancels_the_work() -> None:
    cancelled = []

    class Interrupting(Console):
        def output(self, line: str) -> None:
            raise KeyboardInterrupt

    def endless() -> Iterator[Event]:
        try:
            while True:
                yield Event(EventKind.LOG, text="x")
        finally:
            cancelled.append(True)

    with pytest.raises(KeyboardInterrupt):
        draw(endless(), Interrupting())
    assert cancelled == [True]
