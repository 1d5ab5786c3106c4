from __future__ import annotations

import pytest

from toc_build.console import Console
from toc_build.contract import CaseResult, ContractReport
from toc_build.deployment.contract_text import show_report


def test_a_failure_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    report = ContractReport(
        "http://127.0.0.1:1/score",
        (
            CaseResult("valid", "passed"),
            CaseResult(
                "sample:bridge",
                "failed",
                "sample.label",
                "cup answered\nbottle expected",
                "look at the labels",
            ),
            CaseResult("temp-files", "skipped", reason="it runs elsewhere"),
        ),
        1.25,
    )
    show_report(report, Console())
    out, err = capsys.readouterr()
    assert out == (
        "FAILED sample:bridge: sample.label\n  cup answered\n  bottle expected\n"
        "  what to do: look at the labels\n"
        "contract broken: 1 cases passed, 1 failed, 1 skipped in 1.2 s\n"
    )
    assert err == "skipped temp-files: it runs elsewhere\n"


def test_a_kept_contract_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(ContractReport("http://x", (CaseResult("valid", "passed"),), 0.5), Console())
    assert capsys.readouterr().out == "contract kept: 1 cases passed, 0 failed in 0.5 s\n"
