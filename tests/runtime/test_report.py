"""A scorer tells its memory to whoever judges it, and to nobody else."""

from __future__ import annotations

import sys

import pytest

from toc_build.runtime.report import ASKED, MEMORY_HEADER, memory_report


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_told_when_asked() -> None:
    told = int(memory_report(ASKED)[MEMORY_HEADER])
    assert 5_000_000 < told < 100_000_000_000
    kept = bytearray(b"x" * 60_000_000)
    assert int(memory_report(ASKED)[MEMORY_HEADER]) > told + 30_000_000
    del kept


@pytest.mark.parametrize("headers", [{}, {"X-Toc-Report": "something"}, {"Authorization": "Bearer x"}])
def test_not_told_otherwise(headers: dict[str, str]) -> None:
    assert memory_report(headers) == {}
