from __future__ import annotations

import pytest

from toc_build.errors import TargetError
from toc_build.targets.protocol import Event, EventKind
from toc_build.targets.steps import Steps


def test_steps_tell_their_times_and_hold_their_deadlines() -> None:
    now = [100.0]
    steps = Steps({"build": 10.0}, clock=lambda: now[0])
    assert steps.start("build", "the image") == Event(EventKind.STEP_STARTED, "build", "the image")
    now[0] += 9
    steps.hold()
    assert steps.remaining() == 1
    assert steps.log("line") == Event(EventKind.LOG, "build", "line")
    assert steps.progress("layer 1", 0.5) == Event(EventKind.PROGRESS, "build", "layer 1", fraction=0.5)
    assert steps.finish() == Event(EventKind.STEP_FINISHED, "build", seconds=9)
    steps.start("build")
    now[0] += 10
    with pytest.raises(TargetError, match="build did not end within 10 s") as late:
        steps.hold("the end of the log")
    assert (late.value.code, late.value.problems[0].details) == ("TOC-TARGET-003", "the end of the log")
    assert steps.ready("http://x/score") == Event(EventKind.READY, "ready", "http://x/score", 19)


def test_a_step_without_a_deadline_may_take_its_time() -> None:
    now = [0.0]
    steps = Steps(clock=lambda: now[0])
    steps.start("stop")
    now[0] = 1e9
    steps.hold()
