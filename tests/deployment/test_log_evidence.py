from __future__ import annotations

from toc_build.deployment.log_evidence import with_log
from toc_build.errors import Problem

LOG = [
    "2026-11-25 14:09:11,430 I [1] azmlinfsrv - ready",
    "ERROR:toc_build.runtime:500 internal-error on <PostedImage> [f615a90abef9]",
    "Traceback (most recent call last):",
    '  File "detector.py", line 3, in predict',
    "ValueError: no weights",
    "2026-11-25 14:09:12,134 I [1] azmlinfsrv - POST /score 500",
]
ANSWER = 'status 500, body {"error": {"code": "internal-error", "id": "f615a90abef9"}}'


def test_the_cause_comes_first() -> None:
    (problem,) = with_log([Problem("TOC-JUDGE-002", ANSWER, details="sample two: status 500")], LOG)
    assert problem.details is not None
    assert problem.details.splitlines() == [*LOG[1:5], "sample two: status 500"]


def test_what_the_log_does_not_know_stays_as_it_is() -> None:
    problems = [Problem("TOC-JUDGE-002", ANSWER.replace("f615", "aaaa")), Problem("TOC-JUDGE-003", "slow")]
    assert with_log(problems, LOG) == problems
    assert with_log(problems, []) == problems
