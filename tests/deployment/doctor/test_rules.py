"""Every rule finds its fault, at its place, in a repository that is sound otherwise; a sound one has none."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from support.doctor_cases import CASES, Case

from toc_build.deployment.doctor import all_rules, examine, examine_for, mend
from toc_build.findings import Finding
from toc_build.repository import load
from toc_build.targets.plan import Cost, Needs, Plan

TODAY = date(2026, 11, 25)


def found(case: Case, root: Path) -> list[Finding]:
    if case.target is None:
        return examine(root, today=TODAY)
    plan = Plan(case.target, "", None, "sha256:a", (), Needs(1), Cost.SHARED, cluster=case.seen)
    return examine_for(load(root), plan, today=TODAY)


def test_a_sound_repository_has_no_findings(model_repository: Path) -> None:
    assert examine(model_repository, today=TODAY) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rule_finds_its_fault(case: Case, model_repository: Path) -> None:
    case.break_it(model_repository)
    findings = found(case, model_repository)
    ours = [item for item in findings if item.code == case.code]
    assert ours, findings
    where = re.sub(r":\d+", ":", ours[0].where or "")
    assert where == case.where
    for item in findings:  # every text is whole, and nothing else is found but by the rules of a target
        assert item.what.endswith((".", "?"))
        assert item.why.endswith(".")
        assert item.fix
    strangers = {item.code for item in findings} - {case.code, "TOC-DOC-503", "TOC-DOC-504"}
    assert strangers <= {"TOC-DOC-805"}, findings
    assert any(item.mend is not None for item in ours) is case.mended
    if case.mended:
        done = [words for _, words in mend(ours)]
        assert done
        assert all(done)
        assert case.code not in {item.code for item in found(case, model_repository)}


def test_every_rule_has_a_case_and_a_code_of_its_own() -> None:
    codes = [rule.code for rule in all_rules()]
    assert len(codes) == len(set(codes))
    assert {case.code for case in CASES} == set(codes)
    assert len(codes) >= 30


def test_an_unpinned_requirement_gets_the_locked_version(model_repository: Path) -> None:
    from support.doctor_cases import lock

    conda = model_repository / "conda.yml"
    conda.write_text(conda.read_text().replace("opencv-python-headless>=4.10", "opencv-python-headless"))
    lock(model_repository)
    (finding,) = [item for item in examine(model_repository, today=TODAY) if item.code == "TOC-DOC-501"]
    assert finding.mend is not None
    finding.mend()
    assert "      - opencv-python-headless>=4.11\n" in conda.read_text()


def test_what_stops_a_command_comes_as_an_error_of_its_own(model_repository: Path) -> None:
    deploy = model_repository / "deploy.yml"
    deploy.write_text(deploy.read_text().replace("framework: custom", "framework: cuda"))
    (finding,) = examine(model_repository, today=TODAY)
    assert (finding.code, finding.severity.value) == ("TOC-DEPLOY-015", "error") or finding.where
    assert finding.where
    assert finding.where.startswith("deploy.yml:")
