"""What makes a new version be rejected, and what does not; rounds are given, nothing is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.contract import rounds
from toc_build.contract.rounds import Failure, Rounds
from toc_build.deployment.judgement import Judgement
from toc_build.errors import Rejected
from toc_build.repository import load
from toc_build.targets.protocol import Candidate

CANDIDATE = Candidate("sha256:a", "http://127.0.0.1:1/score", {"Authorization": "Bearer s3cret"})


def asked(**found: object) -> Rounds:
    values: dict[str, object] = {"requests": 24, "seconds": {"two": [0.1, 0.12]}, **found}
    return Rounds(**values)  # type: ignore[arg-type]


def judge(
    repository: Path,
    found: Rounds,
    monkeypatch: pytest.MonkeyPatch,
    *,
    beside: Rounds | None = None,
    limits: str = "",
    before: dict[str, object] | None = None,
) -> Judgement:
    if limits:
        deploy = repository / "deploy.yml"
        deploy.write_text(f"{deploy.read_text()}judge: {{{limits}}}\n")
    monkeypatch.setattr(rounds, "ask_rounds", lambda *_, **__: (found, beside or Rounds()))
    judgement = Judgement(load(repository), before=before or {})
    judgement(CANDIDATE)
    return judgement


def codes(rejected: pytest.ExceptionInfo[Rejected]) -> list[str]:
    return [problem.code for problem in rejected.value.problems]


def test_a_sound_version_stays(model_repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judgement = judge(model_repository, asked(memory={1: 10, 20: 50_000_000, 24: 60_000_000}), monkeypatch)
    assert judgement.figures == {
        "requests": 24,
        "failed": 0,
        "error_rate": 0.0,
        "median_seconds": 0.11,
        "fastest_seconds": 0.1,
        "detector_seconds": None,
        "before_fastest_seconds": None,
        "before_detector_seconds": None,
        "memory_growth_mb": 10.0,
        "samples": {"two": "as expected"},
    }


def test_every_reason_is_told(model_repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(
        failed=3,
        wrong=1,
        failures=[
            Failure("two", 1, "sample.label", "thing was answered as other", "mend it"),
            Failure("two", 2, "answer.missing", "the connection was closed"),
            Failure("two", 3, "answer.missing", "the connection was closed"),
        ],
        memory={10: 0, 24: 200_000_000},
    )
    with pytest.raises(Rejected) as rejected:
        judge(model_repository, found, monkeypatch, limits="latency_ms: 50")
    assert codes(rejected) == ["TOC-JUDGE-001", "TOC-JUDGE-002", "TOC-JUDGE-003", "TOC-JUDGE-004"]
    wrong, failed, slow, growing = rejected.value.problems
    assert (wrong.where, wrong.fix) == ("samples/two.json", "mend it")
    assert "thing was answered as other" in wrong.what
    assert "2 of 24 requests" in failed.what
    assert "110 ms" in slow.what
    assert slow.where is not None
    assert slow.where.endswith("judge -> latency_ms")
    assert "200 MB" in growing.what


def test_errors_are_admitted_as_far_as_deploy_yml_says(
    model_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [
        Failure("two", 1, "answer.timeout", "no answer"),
        Failure("two", 2, "answer.timeout", "no answer"),
    ]
    judge(model_repository, asked(failed=2, failures=errors), monkeypatch, limits="max_error_rate: 0.1")
    errors = [Failure("two", 1, "sample.iou", "moved")]
    with pytest.raises(Rejected):  # wrong answers never are
        judge(model_repository, asked(failed=1, wrong=1, failures=errors), monkeypatch)


@pytest.mark.parametrize(
    ("beside", "recorded", "slow"),
    [
        (0.06, None, False),
        (0.04, None, True),
        (None, 0.04, True),
        (None, 0.055, False),
        (0.04, 0.06, False),  # this machine was slower then: the benefit of the doubt
        (None, None, False),
    ],
)
def test_slower_than_the_version_before(
    model_repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    beside: float | None,
    recorded: float | None,
    slow: bool,
) -> None:
    other = Rounds(seconds={"two": [beside]} if beside else {})
    before = {"fastest_seconds": recorded} if recorded else {}
    found = asked(seconds={"two": [0.111, 0.5]})
    if not slow:
        judge(model_repository, found, monkeypatch, beside=other, before=before)
        return
    with pytest.raises(Rejected, match="times as long") as rejected:
        judge(model_repository, found, monkeypatch, beside=other, before=before)
    assert codes(rejected) == ["TOC-JUDGE-003"]


@pytest.mark.parametrize(("theirs", "recorded"), [(0.04, None), (None, 0.04), (0.04, 0.2)])
def test_detectors_are_compared_where_both_tell(
    model_repository: Path, monkeypatch: pytest.MonkeyPatch, theirs: float | None, recorded: float | None
) -> None:
    found = asked(seconds={"two": [0.13]}, detector={"two": [0.3, 0.12]})
    # Callers hold up the version before: its whole answers are slow, its detector is not.
    busy = Rounds(seconds={"two": [0.5]}, detector={"two": [theirs]} if theirs else {})
    before = {"detector_seconds": recorded} if recorded else {}
    with pytest.raises(Rejected, match=r"120 ms for an answer, the one before 40 ms"):
        judge(model_repository, found, monkeypatch, beside=busy, before=before)


def test_memory_of_the_warm_up_does_not_count(
    model_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = {number: min(number, 8) * 100_000_000 for number in range(1, 25)}
    judgement = judge(model_repository, asked(memory=warm), monkeypatch)
    assert judgement.figures["memory_growth_mb"] == 0.0
