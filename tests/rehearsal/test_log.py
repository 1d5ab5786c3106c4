"""The request log."""

from __future__ import annotations

import json
from pathlib import Path

from toc_build.rehearsal.log import RequestLog, shown


def test_a_line_for_each_request(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "log", lambda: 1_800_000_000.25)
    log.write(step="services.get", method="GET", path="/a", status=200, seconds=0.12345, fault=None, note="")
    log.close()
    log.write(step="too late")
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250000+00:00",
        "step": "services.get",
        "method": "GET",
        "path": "/a",
        "status": 200,
        "seconds": 0.123,
    }
    assert shown(line).startswith("08:00:00.250  200   0.123 s  services.get")
    assert shown("torn") == "torn"
