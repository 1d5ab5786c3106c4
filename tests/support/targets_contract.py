"""What every target must show: subclass `TargetContract` in a target's test file and give it a `Place`.

    class TestMemoryTarget(TargetContract):
        @pytest.fixture
        def place(self) -> Iterator[Place]:
            ...
            yield Place(...)

The scorer of `Place.bundle(version)` answers an empty list of detections, or anything else from which
`Place.answers()` can tell the version. Tests that a target cannot show are left out by its `Place`, with the
reason, never silently.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from toc_build.errors import Rejected, TargetError
from toc_build.targets.plan import BUNDLE, Action, Effect
from toc_build.targets.protocol import (
    STEPS,
    Candidate,
    DeployableBundle,
    Event,
    EventKind,
    State,
    Target,
)

RECORD = {
    "deployment": "7",
    "digest": "sha256:" + "d" * 64,
    "revision": "0123abc",
    "who": "somebody",
    "when": "2026-01-02T03:04:05+00:00",
}


@dataclasses.dataclass(frozen=True)
class Place:
    """A service's place under test.

    Attributes:
        target: a fresh target object for the one service of this test, as the next command would make it.
        bundle: a bundle that answers as version `one`, `two`, ...; `fault` is `init` (init() raises) or
            `ready` (it never becomes ready).
        version: posts to a scoring URI with headers and gives the version that answered.
        headers: what callers must send to the public scoring URI.
        changed: a target for the same service with one setting changed; None when it has none to change.
        side_by_side: whether the old version answers until the new one is judged.
        update_effect: what an update of the bundle means, where it is not what `side_by_side` says: a target
            may judge side by side and still be quiet for a moment when it leads callers over.
        cause: words that the error of an `init` fault must hold: the user's own exception.
    """

    target: Callable[[], Target]
    bundle: Callable[..., DeployableBundle]
    version: Callable[..., str]
    headers: Callable[[], dict[str, str]] = dict
    changed: Callable[[], Target] | None = None
    side_by_side: bool = True
    update_effect: Effect | None = None
    cause: str = "no weights"

    def answering(self) -> str:
        """The version that callers meet now."""
        uri = self.target().status().scoring_uri
        assert uri is not None
        return self.version(uri, self.headers())

    def apply(self, bundle: DeployableBundle, **arguments: Any) -> list[Event]:
        """An apply by a fresh target, read to its end."""
        return list(self.target().apply(bundle, **arguments))


class TargetContract:
    """The tests; every method is one promise of the protocol."""

    @pytest.fixture
    def place(self) -> Iterator[Place]:
        raise NotImplementedError("a target's test class gives its place")

    def test_nothing_is_there_at_first(self, place: Place) -> None:
        target = place.target()
        assert isinstance(target, Target)
        assert target.status().state is State.ABSENT
        assert target.live() is None
        assert list(target.delete()) == []
        with pytest.raises(TargetError):
            list(target.logs())

    def test_describing_and_planning_touch_nothing(self, place: Place) -> None:
        target, bundle = place.target(), place.bundle("one")
        description = target.describe()
        assert description.name == target.name
        assert description.settings
        plan = target.plan(bundle)
        assert plan.action is Action.CREATE
        assert plan.old_digest is None
        assert plan.new_digest == bundle.digest
        assert {change.name for change in plan.changes} == {BUNDLE, *description.settings}
        assert plan.needs.cores > 0
        assert target.status().state is State.ABSENT

    def test_create(self, place: Place) -> None:
        bundle = place.bundle("one")
        events = place.apply(bundle, record=RECORD)
        self._in_order(events)
        status = place.target().status()
        assert status.state is State.READY
        assert status.digest == bundle.digest
        assert status.scoring_uri == events[-1].text
        assert place.answering() == "one"
        live = place.target().live()
        assert live is not None
        assert live.digest == bundle.digest
        assert dict(live.settings) == dict(place.target().describe().settings)
        assert dict(live.record) == RECORD
        assert list(place.target().logs())
        assert len(list(place.target().logs(tail=1))) == 1

    def test_the_same_again_changes_nothing(self, place: Place) -> None:
        bundle = place.bundle("one")
        place.apply(bundle, record=RECORD)
        before = place.target().status()
        assert place.target().plan(bundle).action is Action.NOTHING
        assert place.target().plan(bundle).changes == ()
        again = place.apply(bundle, record={**RECORD, "deployment": "8"}, judge=_never_asked)
        assert [event.kind for event in again] == [EventKind.READY]
        assert place.target().status() == before
        live = place.target().live()
        assert live is not None
        assert dict(live.record) == RECORD

    def test_update(self, place: Place) -> None:
        place.apply(place.bundle("one"), record=RECORD)
        two = place.bundle("two")
        plan = place.target().plan(two)
        assert [change.name for change in plan.changes] == [BUNDLE]
        expected = Effect.REPLACES if place.side_by_side else Effect.INTERRUPTS
        assert plan.changes[0].effect is (place.update_effect or expected)
        self._in_order(place.apply(two, record={**RECORD, "deployment": "8"}))
        assert place.answering() == "two"
        live = place.target().live()
        assert live is not None
        assert (live.digest, live.record["deployment"]) == (two.digest, "8")

    def test_a_setting_changes(self, place: Place) -> None:
        if place.changed is None:
            pytest.skip("this target has no setting to change")
        bundle = place.bundle("one")
        place.apply(bundle)
        changed = place.changed()
        plan = changed.plan(bundle)
        assert len(plan.changes) == 1
        assert plan.changes[0].old != plan.changes[0].new
        list(changed.apply(bundle))
        assert place.changed().plan(bundle).action is Action.NOTHING

    @pytest.mark.parametrize("fault", ["init", "ready"])
    def test_a_first_version_that_does_not_start(self, place: Place, fault: str) -> None:
        with pytest.raises(TargetError) as failed:
            place.apply(place.bundle("bad", fault=fault))
        if fault == "init":
            assert place.cause in str(failed.value)
        assert place.target().status().state in (State.ABSENT, State.FAILED)
        assert place.target().live() is None
        place.apply(place.bundle("one"))
        assert place.answering() == "one"

    @pytest.mark.parametrize("fault", ["init", "ready"])
    def test_an_update_that_does_not_start(self, place: Place, fault: str) -> None:
        one = place.bundle("one")
        place.apply(one, record=RECORD)
        with pytest.raises(TargetError) as failed:
            place.apply(place.bundle("bad", fault=fault), record={**RECORD, "deployment": "8"})
        if fault == "init":
            assert place.cause in str(failed.value)
        self._serves_on(place, one, "one")

    @pytest.mark.parametrize("step", STEPS)
    def test_interrupted_at_any_step(self, place: Place, step: str) -> None:
        one, two = place.bundle("one"), place.bundle("two")
        place.apply(one, record=RECORD)
        reached = False
        with closing(place.target().apply(two, judge=lambda _: None)) as events:  # type: ignore[type-var]
            for event in events:
                if event.step == step and event.kind is EventKind.STEP_STARTED:
                    reached = True
                    break
        if not reached:
            pytest.skip(f"this target has no step {step}")
        self._serves_on(place, one, "one")
        place.apply(two)
        assert place.answering() == "two"

    def test_the_judge_meets_the_new_version_alone(self, place: Place) -> None:
        one, two = place.bundle("one"), place.bundle("two")
        place.apply(one)
        met: list[tuple[Candidate, str, str | None]] = []

        def judge(candidate: Candidate) -> None:
            incumbent = candidate.incumbent_uri
            met.append(
                (
                    candidate,
                    place.version(candidate.scoring_uri, dict(candidate.headers)),
                    None if incumbent is None else place.version(incumbent, dict(candidate.headers)),
                )
            )

        events = place.apply(two, judge=judge)
        ((candidate, version, before),) = met
        assert candidate.digest == two.digest
        assert version == "two"
        assert candidate.serving is not place.side_by_side
        assert before == ("one" if place.side_by_side else None)
        assert "samples" in [event.step for event in events]
        assert not any(value in repr(candidate) for value in candidate.headers.values())

    def test_a_rejected_first_version_is_withdrawn(self, place: Place) -> None:
        with pytest.raises(Rejected):
            place.apply(place.bundle("one"), judge=_reject)
        assert place.target().live() is None
        assert place.target().status().state in (State.ABSENT, State.FAILED)

    def test_a_rejected_update_is_withdrawn(self, place: Place) -> None:
        one = place.bundle("one")
        place.apply(one, record=RECORD)
        with pytest.raises(Rejected) as rejected:
            place.apply(place.bundle("two"), judge=_reject, record={**RECORD, "deployment": "8"})
        assert rejected.value.code == "TOC-JUDGE-001"
        self._serves_on(place, one, "one")

    def test_rollback(self, place: Place) -> None:
        one = place.bundle("one")
        place.apply(one, record=RECORD)
        first = place.target().live()
        assert first is not None
        place.apply(place.bundle("two"), record={**RECORD, "deployment": "8"})
        list(place.target().rollback(first, one, record={**RECORD, "deployment": "9"}))
        assert place.answering() == "one"
        live = place.target().live()
        assert live is not None
        assert (live.digest, dict(live.settings)) == (one.digest, dict(first.settings))
        assert live.record["deployment"] == "9"

    def test_two_applies_at_once(self, place: Place) -> None:
        one, two = place.bundle("one"), place.bundle("two")
        with closing(place.target().apply(one)) as first:  # type: ignore[type-var]
            next(first)
            with pytest.raises(TargetError, match="since 20"):
                place.apply(two)
            list(first)
        assert place.answering() == "one"
        place.apply(two)
        assert place.answering() == "two"

    def test_delete(self, place: Place) -> None:
        place.apply(place.bundle("one"))
        uri = place.target().status().scoring_uri
        assert uri is not None
        list(place.target().delete())
        assert place.target().status().state is State.ABSENT
        assert place.target().live() is None
        with pytest.raises(httpx.HTTPError):
            httpx.get(uri, timeout=5, trust_env=False).raise_for_status()

    @staticmethod
    def _in_order(events: list[Event]) -> None:
        """Every step begins and ends, in the order of `STEPS`, and READY is the last event."""
        assert events[-1].kind is EventKind.READY
        assert events[-1].seconds is not None
        started = [event.step for event in events if event.kind is EventKind.STEP_STARTED]
        finished = [event.step for event in events if event.kind is EventKind.STEP_FINISHED]
        assert started == finished
        assert "init" in started
        assert set(started) <= set(STEPS)
        assert len(set(started)) == len(started)

    @staticmethod
    def _serves_on(place: Place, bundle: DeployableBundle, version: str) -> None:
        """What answered before answers, and everything says so."""
        status = place.target().status()
        assert (status.state, status.digest) == (State.READY, bundle.digest)
        assert place.answering() == version
        live = place.target().live()
        assert live is not None
        assert live.digest == bundle.digest
        assert dict(live.record) == RECORD


def _reject(_candidate: Candidate) -> None:
    raise Rejected("all labels are wrong", code="TOC-JUDGE-001")


def _never_asked(_candidate: Candidate) -> None:
    raise AssertionError("nothing has changed, so there is nothing to judge")
