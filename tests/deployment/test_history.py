from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from toc_build.deployment.history import Deployment, History, Result, begin
from toc_build.targets.protocol import Version

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def start(history: History, digest: str = "sha256:a", target: str = "local") -> Deployment:
    made = begin(
        kind="deploy",
        target=target,
        digest=digest,
        settings={"port": 1},
        revision="0123abc",
        plan={},
        checks={},
        clock=NOW,
    )
    return history.write_start(made)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.deployments() == []
    first = start(history)
    assert (first.number, first.started, first.result) == (1, "2026-01-02T03:04:05+00:00", Result.RUNNING)
    ended = history.write_end(
        first, Result.SUCCEEDED, figures={"requests": 3}, steps={"init": 1.23456}, serving="sha256:a"
    )
    second = start(history, target="aci")
    assert history.deployments() == [ended, second]
    assert history.deployments("aci") == [second]
    assert second.number == 2
    assert ended.steps == {"init": 1.235}
    assert history.usual_seconds("local") == {"init": 1.235}
    assert history.usual_seconds("aci") == {}
    assert first.version == Version("sha256:a", {"port": 1}, first.tags)


def test_a_torn_line_loses_nothing_but_itself(tmp_path: Path) -> None:
    history = History(tmp_path)
    start(history)
    whole = history.path.read_bytes()
    start(history)
    torn = history.path.read_bytes()[:-20]
    history.path.write_bytes(torn)
    assert [item.number for item in history.deployments()] == [1]
    third = start(history)
    assert [item.identity for item in history.deployments()][-1] == third.identity
    assert history.path.read_bytes().startswith(whole)


def test_lines_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    history = History(tmp_path)
    first = start(history)
    with history.path.open("a") as stream:
        stream.write('{"event": "paused", "identity": "x"}\n[1]\n{"event": "started"}\n')
    assert history.deployments() == [first]


@pytest.mark.parametrize("arrived", [True, False])
def test_what_was_cut_off_is_settled_by_the_live_service(tmp_path: Path, arrived: bool) -> None:
    history = History(tmp_path)
    open_one = start(history)
    start(history, target="aci")
    live = Version("sha256:a", {}, {"deployment": open_one.identity if arrived else "another"})
    (settled,) = history.settle("local", live)
    assert settled.result is (Result.SUCCEEDED if arrived else Result.INTERRUPTED)
    assert (settled.settled, settled.serving) == (True, "sha256:a")
    assert history.settle("local", live) == []
    assert history.deployments("aci")[0].result is Result.RUNNING


def test_nothing_answers_any_more(tmp_path: Path) -> None:
    history = History(tmp_path)
    start(history)
    (settled,) = history.settle("local", None)
    assert (settled.result, settled.serving) == (Result.INTERRUPTED, None)


def test_identities_are_unique(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert len({start(history).identity for _ in range(50)}) == 50


def test_a_separator_in_a_reason_ends_no_line(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.write_end(start(history), Result.FAILED, reason="one\u2028two\x85three")
    (item,) = History(tmp_path).deployments()
    assert (item.result, item.reason) == (Result.FAILED, "one\u2028two\x85three")
