"""The service's log: bounded, and followed across its rotation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toc_build.targets.local.logs import ServiceLog, follow_lines, read_lines, set_aside


def test_size_is_bounded_and_the_newest_lines_stay(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = ServiceLog(path, max_bytes=1000)
    for number in range(500):
        log.write(f"line {number}")
    log.note("done")
    log.close()
    log.write("too late")
    assert path.stat().st_size <= 1000
    assert set_aside(path).stat().st_size <= 1000
    lines = list(read_lines(path, None))
    assert lines[-3:] == ["line 498", "line 499", "toc-build: done"]
    assert len(lines) > 100
    assert list(read_lines(path, 2)) == lines[-2:]


def test_following_until_the_end_over_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    log = ServiceLog(path, max_bytes=100)
    log.write("first")
    log.write("second")
    script = iter([lambda: log.write("third é"), lambda: log.write("x" * 90), lambda: log.write("last")])
    alive = True

    def sleep(_: float) -> None:
        nonlocal alive
        step = next(script, None)
        if step is None:
            alive = False
        else:
            step()

    assert list(follow_lines(path, 1, lambda: alive, sleep)) == ["second", "third é", "x" * 90, "last"]


def test_bytes_that_are_no_text_do_not_stop_the_log(tmp_path: Path) -> None:
    log = ServiceLog(tmp_path / "log")
    log.write("\ud800")
    log.close()
    assert list(read_lines(tmp_path / "log", None)) == ["\\ud800"]


def test_a_disk_that_was_full_when_it_was_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ServiceLog(tmp_path / "log", max_bytes=20)
    log.write("0123456789")
    full = True
    plain = Path.open

    def opened(path: Path, *arguments: Any, **options: Any) -> Any:
        if full:
            raise OSError(28, "No space left on device")
        return plain(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opened)
    log.write("lost, with the file set aside")
    full = False
    log.write("back")
    log.close()
    log.write("after the end")
    assert list(read_lines(tmp_path / "log", None)) == ["0123456789", "back"]


def test_other_separators_end_no_line(tmp_path: Path) -> None:
    log = ServiceLog(tmp_path / "log")
    log.write("one\u2028and\x85the same")
    log.close()
    assert list(follow_lines(tmp_path / "log", None, lambda: False)) == ["one\u2028and\x85the same"]
