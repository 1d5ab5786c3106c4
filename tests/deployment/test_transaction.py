"""One change of a service from its check to its record, on the in-memory target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.deploying import RIGHT, Desk, answer, moved

from toc_build.console import Console
from toc_build.deployment.history import History, Result
from toc_build.deployment.records import TestRecord, write_test_record
from toc_build.errors import Rejected, TargetError, UserError
from toc_build.targets.memory import MemoryTarget
from toc_build.targets.protocol import Event, EventKind


@pytest.fixture
def desk(model_repository: Path) -> Iterator[Desk]:
    made = Desk(model_repository)
    yield made
    made.service.close()


def last(desk: Desk):  # type: ignore[no-untyped-def]
    return History(desk.root).deployments()[-1]


def test_a_deploy_is_recorded_here_and_beside_the_service(desk: Desk) -> None:
    done = desk.change("right").carry_out()
    assert done == last(desk)
    assert done is not None
    assert (done.number, done.kind, done.target, done.result) == (1, "deploy", "memory", Result.SUCCEEDED)
    assert done.digest == done.serving == desk.bundle("right").digest
    assert done.settings == {"replicas": 1}
    assert done.plan["action"] == "create"
    assert done.checks == {"tested": False, "allow_untested": True, "findings": []}
    assert done.figures["requests"] == 24
    assert done.figures["samples"] == {"two": "as expected"}
    assert set(done.steps) >= {"upload", "build", "init", "samples", "switch"}
    live = desk.target().live()
    assert live is not None
    assert live.record == done.tags
    assert live.record["deployment"] == done.identity
    assert "k3y-of-the-service" not in (desk.root / ".toc" / "deployments.jsonl").read_text()


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    desk.change("right").carry_out()
    before = (desk.root / ".toc" / "deployments.jsonl").read_bytes()
    assert desk.change("right").carry_out() is None
    assert (desk.root / ".toc" / "deployments.jsonl").read_bytes() == before


@pytest.mark.parametrize("side_by_side", [True, False])
def test_wrong_answers_are_taken_back_with_a_report(desk: Desk, side_by_side: bool) -> None:
    desk.side_by_side = side_by_side
    desk.change("right").carry_out()
    desk.scorers["wrong"] = answer(moved(30))
    with pytest.raises(Rejected) as rejected:
        desk.change("wrong").carry_out()
    assert rejected.value.code == "TOC-JUDGE-001"
    assert desk.live() == "right"
    record = last(desk)
    assert (record.result, record.serving) == (Result.REJECTED, desk.bundle("right").digest)
    assert record.reason is not None
    assert record.reason.startswith("TOC-JUDGE-001 samples/two.json: ")
    folder = desk.root / record.report
    assert str(Path(record.report) / "index.html") in (rejected.value.problems[0].fix or "")
    assert (folder / "two.png").stat().st_size > 0
    (sample,) = json.loads((folder / "report.json").read_text())["samples"]
    assert sample["new"] == moved(30)
    assert sample["before"] == (RIGHT if side_by_side else None)
    assert len(sample["expected"]) == 2


def test_a_start_that_fails_is_recorded_with_its_cause(desk: Desk) -> None:
    desk.change("right").carry_out()
    failing = desk.target(fail={"init": TargetError("no weights", code="TOC-LOCAL-005")})
    with pytest.raises(TargetError, match="no weights"):
        desk.change("right-2", failing).carry_out()
    assert desk.live() == "right"
    assert (last(desk).result, last(desk).reason) == (Result.FAILED, "TOC-LOCAL-005 no weights")


def test_interrupted_by_hand(desk: Desk) -> None:
    class Interrupting(Console):
        def step(self, name: str, *, lazy: bool = False):  # type: ignore[no-untyped-def]
            if name == "init":
                raise KeyboardInterrupt
            return super().step(name, lazy=lazy)

    desk.change("right").carry_out()
    desk.console = Interrupting(quiet=True)
    with pytest.raises(KeyboardInterrupt):
        desk.change("right-2").carry_out()
    assert desk.live() == "right"
    assert last(desk).result is Result.CANCELLED


def test_interrupted_by_hand_when_it_had_taken_over(desk: Desk) -> None:
    class Interrupted(MemoryTarget):
        def apply(self, *arguments, **options) -> Iterator[Event]:  # type: ignore[no-untyped-def]
            yield from super().apply(*arguments, **options)
            raise KeyboardInterrupt

    desk.change("right").carry_out()
    with pytest.raises(KeyboardInterrupt):
        desk.change("right-2", Interrupted(desk.service, {"replicas": 1})).carry_out()
    assert desk.live() == "right-2"
    assert last(desk).result is Result.SUCCEEDED
    assert last(desk).serving == last(desk).digest


class Dying(MemoryTarget):
    """Its command is killed: nothing runs after a certain event, no `finally` and no record either."""

    die_after = EventKind.READY

    def apply(self, bundle, *, judge=None, record=None) -> Iterator[Event]:  # type: ignore[no-untyped-def]
        for event in super().apply(bundle, judge=judge, record=record):
            yield event
            if event.kind is self.die_after:
                raise SystemError("killed")


@pytest.mark.parametrize(("moment", "arrived"), [(EventKind.STEP_FINISHED, False), (EventKind.READY, True)])
def test_what_a_killed_command_left_open_is_settled(
    desk: Desk, moment: EventKind, arrived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.change("right").carry_out()
    with monkeypatch.context() as dead:
        dead.setattr(History, "write_end", lambda *_, **__: None)
        dying = Dying(desk.service, {"replicas": 1})
        dying.die_after = moment
        with pytest.raises(SystemError):
            desk.change("right-2", dying).carry_out()
    assert last(desk).result is Result.RUNNING
    if arrived:
        assert desk.change("right-2").carry_out() is None
    else:
        assert desk.change("right-2").carry_out() is not None
    settled = History(desk.root).deployments()[1]
    assert settled.settled
    assert settled.result is (Result.SUCCEEDED if arrived else Result.INTERRUPTED)
    assert desk.live() == "right-2"


def test_other_targets_than_local_ask_for_a_test(desk: Desk) -> None:
    with pytest.raises(UserError) as refused:
        desk.change("right", allow_untested=False).carry_out()
    assert refused.value.code == "TOC-APPLY-002"
    assert desk.live() is None
    assert History(desk.root).deployments() == []
    tested = TestRecord.now(
        digest=desk.bundle("right").digest, python="3.11", contract={"passed": 1}, toc_build="0"
    )
    write_test_record(desk.root, tested)
    done = desk.change("right", allow_untested=False).carry_out()
    assert done is not None
    assert done.checks["tested"] is True


def test_an_error_of_preflight_stops_before_anything_starts(desk: Desk) -> None:
    (desk.root / "model" / "id_rsa").write_text("x")
    with pytest.raises(UserError) as refused:
        desk.change("right").carry_out()
    assert refused.value.code == "TOC-DOC-403"
    assert "may pull" in refused.value.problems[0].what  # why it matters is told with it
    assert desk.live() is None
    assert History(desk.root).deployments() == []


def test_a_warning_of_preflight_is_told_and_recorded(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    (desk.root / "tests" / "test_detector.py").unlink()
    done = desk.change("right").carry_out()
    assert done is not None
    assert done.checks["findings"] == ["TOC-DOC-803"]
    assert "warning: TOC-DOC-803 tests: tests/ holds no test." in capsys.readouterr().err


def test_samples_that_are_not_in_order_stop_before_anything_starts(desk: Desk) -> None:
    (desk.root / "samples" / "two.json").write_text("{")
    with pytest.raises(UserError) as refused:
        desk.change("right").carry_out()
    assert refused.value.code == "TOC-TEST-006"
    assert desk.live() is None


def test_the_log_tells_the_cause_of_a_failed_request(desk: Desk) -> None:
    def failing(_image: bytes) -> bytes:
        assert desk.service.log is not None
        desk.service.log += ["ERROR:toc_build.runtime:500 [abcdef012345]", "ValueError: no weights"]
        return b'{"error": {"code": "internal-error", "id": "abcdef012345"}}'

    desk.scorers["failing"] = failing
    with pytest.raises(Rejected, match="ValueError: no weights"):
        desk.change("failing").carry_out()


def test_a_rollback_puts_back_digest_and_settings(desk: Desk) -> None:
    desk.change("right").carry_out()
    desk.change("right-2", desk.target(settings={"replicas": 3})).carry_out()
    first = History(desk.root).deployments()[0]
    desk.scorers["right"] = answer(
        []
    )  # the samples are newer than that version: it may answer anything valid
    done = desk.change("right", kind="rollback", to=first).carry_out()
    assert done is not None
    assert (done.kind, done.restores, done.result) == ("rollback", 1, Result.SUCCEEDED)
    live = desk.target().live()
    assert live is not None
    assert (live.digest, dict(live.settings)) == (first.digest, {"replicas": 1})


def test_usual_times_are_told(desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(History, "usual_seconds", lambda *_: {"build": 90.0})
    desk.console = Console()
    desk.change("right").carry_out()
    assert "build (usually 90 s)" in capsys.readouterr().err
