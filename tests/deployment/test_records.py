from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from toc_build.deployment.records import (
    TestRecord,
    delete_test_record,
    read_test_record,
    write_json,
    write_test_record,
)

DIGEST = "sha256:" + "a" * 64


def record() -> TestRecord:
    clock = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    return TestRecord.now(digest=DIGEST, python="3.11", contract={"passed": 20}, toc_build="0.1", clock=clock)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_test_record(tmp_path, DIGEST) is None
    write_test_record(tmp_path, record())
    assert read_test_record(tmp_path, DIGEST) == record()
    assert record().tested_at == "2026-01-02T03:04:05+00:00"
    assert read_test_record(tmp_path, "sha256:" + "b" * 64) is None


def test_a_record_can_be_taken_back(tmp_path: Path) -> None:
    write_test_record(tmp_path, record())
    delete_test_record(tmp_path, DIGEST)
    delete_test_record(tmp_path, DIGEST)
    assert read_test_record(tmp_path, DIGEST) is None


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    path = write_test_record(tmp_path, record())
    path.write_text('{"digest": "x"')
    assert read_test_record(tmp_path, DIGEST) is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_json(path, {"good": True})
    with pytest.raises(TypeError):
        write_json(path, {"bad": object()})
    assert path.read_text() == '{\n "good": true\n}\n'
    assert [item.name for item in tmp_path.iterdir() if item.name != "toc-build-cache"] == ["state.json"]
