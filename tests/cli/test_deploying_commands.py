"""plan, doctor, history, rollback, deploy: what they print and how they end; nothing is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.doctor_cases import lock

import toc_build.deployment
from toc_build.cli import main
from toc_build.deployment.history import History, Result, begin
from toc_build.errors import Rejected


@pytest.fixture
def here(model_repository: Path) -> str:
    lock(model_repository)
    return str(model_repository)


def test_plan_of_a_first_deploy(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "-C", here]) == 10
    assert capsys.readouterr().out.startswith("local at 127.0.0.1:8890: create\n  bundle  ")
    assert main(["plan", "-C", here, "--port", "9000", "--json"]) == 10
    plan = json.loads(capsys.readouterr().out)
    assert (plan["where"], plan["action"], plan["old_digest"]) == ("127.0.0.1:9000", "create", None)
    assert not (Path(here) / ".toc").exists()


def test_plan_without_a_lock_is_an_error(model_repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "-C", str(model_repository)]) == 2
    assert "TOC-LOCK-001" in capsys.readouterr().err


def test_doctor_finds_and_mends(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-C", here]) == 0
    assert capsys.readouterr().out == "nothing was found\n"
    (Path(here) / "model" / "id_rsa").write_text("x")
    assert main(["doctor", "-C", here]) == 1
    out = capsys.readouterr().out
    assert out.startswith("error TOC-DOC-403  model/id_rsa\n")
    assert out.endswith("1 error; --fix mends 1\n")
    assert main(["doctor", "-C", here, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["fixable"] is True
    assert main(["doctor", "-C", here, "--fix"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "nothing was found\n"
    assert "mended: added `model/id_rsa` to .amlignore" in captured.err


def test_doctor_of_no_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-C", str(tmp_path)]) == 2
    assert "TOC-REPO-001" in capsys.readouterr().err


def test_history(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "-C", here]) == 0
    assert capsys.readouterr().out == "nothing was deployed yet\n"
    history = History(Path(here))
    values = {"target": "local", "settings": {}, "revision": "0123abcd99+changes", "plan": {}, "checks": {}}
    made = history.write_start(begin(kind="deploy", digest="sha256:" + "a" * 64, **values))  # type: ignore[arg-type]
    history.write_end(made, Result.REJECTED, reason="TOC-JUDGE-001 wrong", report=".toc/reports/x")
    left = history.write_start(begin(kind="deploy", digest="sha256:" + "b" * 64, **values))  # type: ignore[arg-type]
    assert main(["history", "-C", here]) == 0
    first, reason, report, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("   1  ")
    assert "local  deploy  aaaaaaaaaaaa  rejected in 0 s  git 0123abcd+" in first
    assert (reason.strip(), report.strip()) == ("TOC-JUDGE-001 wrong", "report: .toc/reports/x/index.html")
    assert "interrupted" in second  # nothing holds the lock, and nothing answers: it is settled
    assert main(["history", "-C", here, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1]["identity"] == left.identity
    assert main(["history", "-C", here, "-t", "aci", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_rollback_of_nothing(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "-C", here]) == 2
    assert "TOC-APPLY-004" in capsys.readouterr().err
    assert main(["rollback", "-C", here, "--to", "3"]) == 2
    assert "TOC-APPLY-003" in capsys.readouterr().err


def test_smoke_of_nothing(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smoke", "-C", here]) == 2
    assert "TOC-TARGET-001" in capsys.readouterr().err


def test_a_rejected_deploy_ends_with_three(
    here: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject(*_: object, **__: object) -> None:
        raise Rejected("wrong answers", code="TOC-JUDGE-001")

    monkeypatch.setattr(toc_build.deployment, "deploy", reject)
    assert main(["deploy", "-C", here]) == 3
    assert "TOC-JUDGE-001" in capsys.readouterr().err


def test_records_that_cannot_be_kept(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(here) / ".toc").write_text("a file in the way")
    assert main(["deploy", "-C", here]) == 2
    assert "TOC-APPLY-005" in capsys.readouterr().err
