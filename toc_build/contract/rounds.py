"""Asks a scorer for the samples, round after round: are the answers right, how fast, do they stay right.

`deployment.judgement` calls `ask_rounds` for a new version before callers meet it. Other than `probe`, which
holds a scorer to every rule of the contract, this looks at nothing but answers to samples, and at time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from toc_build.contract.answers import Answer, detections_in
from toc_build.contract.cases.base import Run
from toc_build.contract.cases.judged import judge_answer
from toc_build.contract.client import Scorer, Unreachable
from toc_build.contract.images import Picture, generated_picture
from toc_build.contract.rules import Breach
from toc_build.contract.samples import Sample
from toc_build.runtime import Detection
from toc_build.runtime.report import ASKED, MEMORY_HEADER

_DETECTOR = re.compile(r"\bdetector;dur=([0-9.]+)")
_MOST_TIMEOUTS = 2
_MOST_TOLD = 20  # failures told in words; they are all counted


@dataclass(frozen=True)
class Failure:
    """One request that was not answered as it should be.

    Attributes:
        sample: the sample's name.
        number: of the request, from 1.
        rule: of the contract; `service.alive` when nothing accepts connections any more.
        reason: what was seen.
        fix: what to do.
    """

    sample: str
    number: int
    rule: str
    reason: str
    fix: str | None = None

    @property
    def wrong(self) -> bool:
        """Whether there was an answer and it is wrong, rather than no answer or an error."""
        refused = "invalid-detections" in self.reason  # the scoring runtime found it wrong before we did
        return refused or self.rule.startswith(("sample.", "detection.", "answer.json", "answer.list"))


@dataclass
class Rounds:
    """What came of all requests to one scorer.

    Attributes:
        requests: how many were made.
        failed: how many failed in all.
        wrong: how many of these were answered wrongly.
        failures: the first of those that failed, in their order: some of each kind.
        answers: the first readable answer to each sample, right or wrong, by the sample's name.
        seconds: of every request that was answered, by the sample's name.
        detector: likewise, what the detector took without the wait for its turn, as the scoring runtime
            tells.
        memory: bytes, measured after the requests of those numbers.
        reported: bytes that the scorer itself said with its last answer.
    """

    requests: int = 0
    failed: int = 0
    wrong: int = 0
    failures: list[Failure] = field(default_factory=list)
    answers: dict[str, tuple[Detection, ...]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    detector: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)
    reported: int | None = None

    @property
    def fastest_seconds(self) -> float | None:
        """The mean over the samples of the fastest answer to each: what an answer takes undisturbed."""
        return _fastest(self.seconds)

    @property
    def detector_seconds(self) -> float | None:
        """The same of what the detector itself took; None when the scorer does not tell."""
        return _fastest(self.detector)

    @property
    def median_seconds(self) -> float | None:
        """Of all answers."""
        taken = [seconds for group in self.seconds.values() for seconds in group]
        return median(taken) if taken else None

    def timed(self, sample: Sample, answer: Answer) -> None:
        """Keep the times of an answer."""
        self.seconds.setdefault(sample.name, []).append(answer.seconds)
        told = _DETECTOR.search(answer.headers.get("server-timing", ""))
        if told:
            self.detector.setdefault(sample.name, []).append(float(told[1]) / 1000)

    def failure(self, found: Failure) -> None:
        """Count one more failure."""
        self.failed += 1
        self.wrong += found.wrong
        if sum(failure.wrong is found.wrong for failure in self.failures) < _MOST_TOLD:
            self.failures.append(found)


@dataclass(frozen=True)
class Limits:
    """How the samples are asked.

    Attributes:
        requests: how many in all; every sample is asked once at least.
        seconds: no new round begins after so long.
        timeout: seconds that one request may take.
        min_iou: see `SamplesConfig`.
        score_tolerance: see `SamplesConfig`.
    """

    requests: int = 24
    seconds: float = 60.0
    timeout: float = 60.0
    min_iou: float = 0.5
    score_tolerance: float = 0.2


def ask_rounds(
    uri: str,
    samples: Sequence[Sample],
    labels: Sequence[str] | None,
    limits: Limits,
    *,
    headers: Mapping[str, str] | None = None,
    beside: str | None = None,
    expectations: bool = True,
    memory: Callable[[], int | None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Rounds, Rounds]:
    """Posts the samples round after round, to two scorers by turns when there are two.

    By turns, because a machine's speed changes from minute to minute: what is compared is measured together.

    Args:
        uri: of the scorer that is judged.
        samples: of the model repository.
        labels: the declared ones.
        limits: how often and how long.
        headers: sent with every request; they hold secrets.
        beside: another scorer, whose answers are read and timed but not judged.
        expectations: compare with the samples' expected detections; otherwise any valid answer will do.
        memory: gives the judged scorer's memory in bytes; where it cannot, the scorer itself is asked.
        clock: gives seconds.

    Returns:
        What came of the judged scorer, and of the one beside.
    """
    judged, other = Rounds(), Rounds()
    bodies = {sample.name: sample.read() for sample in samples}
    began = clock()
    with (
        Scorer(uri, headers={**(headers or {}), **ASKED}, timeout=limits.timeout) as scorer,
        Scorer(beside or uri, headers=headers, timeout=limits.timeout) as incumbent,
    ):
        run = _run(scorer, labels, samples, limits)
        while judged.requests < limits.requests and clock() - began < limits.seconds:
            for sample in samples:
                if judged.requests >= max(limits.requests, len(samples)):
                    break
                _ask(run, sample, bodies[sample.name], judged, expectations=expectations)
                used = memory() or judged.reported
                if used is not None:
                    judged.memory[judged.requests] = used
                if beside is not None and not _ask_other(incumbent, sample, bodies[sample.name], other):
                    beside = None  # it hangs or is gone: to ask it on would only take the new one's time
                if _given_up(judged):
                    return judged, other
            if _hopeless(judged):
                break
    return judged, other


def _ask(run: Run, sample: Sample, body: bytes, found: Rounds, *, expectations: bool) -> None:
    found.requests += 1
    try:
        answer = run.scorer.post(body)
        found.reported = _memory_in(answer.headers)
        found.timed(sample, answer)
        try:
            valid = detections_in(answer, width=sample.width, height=sample.height, labels=run.labels)
            found.answers.setdefault(sample.name, valid)
        except Breach:
            if not expectations:
                raise
        if expectations:
            judge_answer(run, sample, answer)
    except Breach as breach:
        reason = run.scorer.redact(breach.reason)
        found.failure(Failure(sample.name, found.requests, breach.rule, reason, breach.fix))
    except Unreachable as gone:
        reason = f"the scorer accepts no connections any more ({gone})"
        found.failure(Failure(sample.name, found.requests, "service.alive", reason))


def _memory_in(headers: Mapping[str, str]) -> int | None:
    told = headers.get(MEMORY_HEADER.lower(), "")
    return int(told) if told.isdigit() else None


def _ask_other(scorer: Scorer, sample: Sample, body: bytes, found: Rounds) -> bool:
    """Asks the one before; False when there is no sense in asking it again."""
    found.requests += 1
    try:
        answer = scorer.post(body)
        found.answers.setdefault(
            sample.name, detections_in(answer, width=sample.width, height=sample.height, labels=None)
        )
        found.timed(sample, answer)
    except Breach as breach:
        found.failed += 1  # the one before may be as wrong as it likes: it is leaving
        return breach.rule != "answer.timeout"
    except Unreachable:
        found.failed += 1
        return False
    return True


def _given_up(found: Rounds) -> bool:
    """Whether more requests would only take their time."""
    rules = [failure.rule for failure in found.failures]
    return "service.alive" in rules or rules.count("answer.timeout") >= _MOST_TIMEOUTS


def _fastest(times: Mapping[str, list[float]]) -> float | None:
    fastest = [min(taken) for taken in times.values() if taken]
    return sum(fastest) / len(fastest) if fastest else None


def _hopeless(found: Rounds) -> bool:
    """Whether a whole round failed: more of it would say the same."""
    return bool(found.requests) and found.failed == found.requests


def _run(scorer: Scorer, labels: Sequence[str] | None, samples: Sequence[Sample], limits: Limits) -> Run:
    return Run(
        scorer=scorer,
        picture=Picture(generated_picture(), "a generated picture"),
        labels=labels,
        samples=samples,
        max_request_bytes=None,
        max_pixels=None,
        min_iou=limits.min_iou,
        score_tolerance=limits.score_tolerance,
        temp_dir=None,
    )
