from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from toc_build.contract import CaseResult, ContractReport

REPORT = ContractReport(
    "http://127.0.0.1:8890/score",
    (
        CaseResult("picture", "passed", seconds=0.25),
        CaseResult("keep-alive", "passed", reason="the scorer closed connections"),
        CaseResult(
            "refuse-text", "failed", "refusal.accepted", "a <text> & \x00\x1b\ud800\nmore", "refuse it"
        ),
        CaseResult("temporary-files", "skipped", reason="cannot be seen from here"),
    ),
    1.5,
)


def test_a_report_tells_what_failed():
    assert not REPORT.passed
    assert REPORT.counts == {"passed": 2, "failed": 1, "skipped": 1}
    assert [result.case for result in REPORT.failures] == ["refuse-text"]
    assert REPORT.broken_rules == ("refusal.accepted",)


def test_a_report_without_a_passed_case_has_not_passed():
    assert not ContractReport("http://x", (CaseResult("picture", "skipped", reason="why"),)).passed
    assert ContractReport("http://x", (CaseResult("picture", "passed"),)).passed


def test_json_holds_every_result():
    clean = ContractReport(REPORT.uri, (*REPORT.results[:2], REPORT.results[3]), 1.5)
    document = json.loads(clean.to_json())
    assert document["version"] == 1
    assert document["passed"] is True
    assert document["counts"] == {"passed": 2, "failed": 0, "skipped": 1}
    assert document["results"][0] == {
        "case": "picture",
        "outcome": "passed",
        "rule": None,
        "reason": "",
        "fix": None,
        "seconds": 0.25,
    }


def test_junit_is_xml_with_the_rule_as_type_whatever_the_scorer_answered():
    root = ET.fromstring(REPORT.to_junit())
    suite = root.find("testsuite")
    assert suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "errors", "time")} == {
        "tests": "4",
        "failures": "1",
        "skipped": "1",
        "errors": "0",
        "time": "1.500",
    }
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failure = cases["refuse-text"].find("failure")
    assert failure.get("type") == "refusal.accepted"
    assert failure.get("message").startswith("refusal.accepted: a <text> & ")
    assert failure.text.endswith("more\n-> refuse it")
    assert cases["temporary-files"].find("skipped").get("message") == "cannot be seen from here"
    assert cases["keep-alive"].find("system-out").text == "the scorer closed connections"
    assert list(cases["picture"]) == []
