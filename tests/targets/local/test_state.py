"""The record, what it still means when its writer is dead, and the lock for changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toc_build.errors import TargetError
from toc_build.targets import State
from toc_build.targets.local.identity import ProcessIdentity
from toc_build.targets.local.state import Record, StateFolder

DEAD = ProcessIdentity(os.getpid(), 1.0)  # our pid, but started in 1970: another process


def test_a_record_survives_writing(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "a")
    assert folder.read() is None
    assert folder.status().state is State.ABSENT
    folder.make()
    assert (folder.root.stat().st_mode & 0o777) == 0o700
    me = ProcessIdentity.of(os.getpid())
    record = Record(State.READY, me, (me,), 8890, 40000, "sha256:1", "/b", "2026-01-01T00:00:00+00:00")
    folder.write(record)
    assert folder.read() == record
    assert folder.live() == record
    assert folder.status().scoring_uri == "http://127.0.0.1:8890/score"
    (folder.root / "state.json").write_text('{"half": ')
    assert folder.status().state is State.ABSENT


@pytest.mark.parametrize(
    ("written", "true"),
    [
        (State.READY, State.STOPPED),
        (State.STARTING, State.STOPPED),
        (State.FAILED, State.FAILED),
        (State.STOPPED, State.STOPPED),
    ],
)
def test_a_dead_supervisor_is_not_believed(tmp_path: Path, written: State, true: State) -> None:
    folder = StateFolder(tmp_path)
    folder.make()
    folder.write(Record(written, DEAD, (DEAD,), 8890, digest="sha256:1", detail="why"))
    status = folder.status()
    assert (status.state, status.digest, status.pid, status.scoring_uri) == (true, "sha256:1", None, None)
    assert folder.live() is None


def test_a_ready_service_without_a_server_is_not_ready(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.make()
    folder.write(Record(State.READY, ProcessIdentity.of(os.getpid()), (DEAD,), 8890))
    assert folder.status().state is State.STARTING


def test_one_change_at_a_time(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with folder.operation("deployment"):
        with pytest.raises(TargetError) as second, StateFolder(tmp_path).operation("reload"):
            raise AssertionError("two at once")
        assert f"process {os.getpid()} (deployment since" in str(second.value)
    with folder.operation("reload"):
        pass
    assert not (tmp_path / "operation.json").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TargetError) as refused:
        StateFolder(tmp_path / "file" / "a").make()
    assert refused.value.code == "TOC-LOCAL-025"
    assert "TOC_BUILD_CACHE_DIR" in str(refused.value)


def test_a_note_that_cannot_be_written_stops_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with StateFolder(tmp_path).operation("delete"), pytest.raises(TargetError) as second:
        StateFolder(tmp_path).operation("deployment").__enter__()
    assert second.value.code == "TOC-LOCAL-022"
