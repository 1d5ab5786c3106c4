"""One case per sample: posted as it is, judged by its expected detections, a mismatch explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from toc_build.contract.answers import Answer, detections_in, document_in, readable_in
from toc_build.contract.cases.base import Case, Run
from toc_build.contract.conventions import Diagnosis, diagnose_boxes, diagnose_labels
from toc_build.contract.images import png
from toc_build.contract.matching import Match, explain, match
from toc_build.contract.rules import Breach
from toc_build.contract.samples import Sample
from toc_build.runtime import Detection, open_image

_DIAGNOSED = ("detection.corners", "detection.inside", "detection.pixels")


def cases(run: Run) -> Iterator[Case]:
    """A case for each sample of the run."""
    for sample in run.samples:
        yield Case(f"sample:{sample.name}", partial(_judge, sample=sample))


def _judge(run: Run, sample: Sample) -> str:
    answered = judge_answer(run, sample, run.scorer.post(sample.read()))
    if sample.expected is None:
        return (
            f"{len(answered)} detections; without {sample.path.with_suffix('.json').name} nothing is expected"
        )
    return ""


def judge_answer(run: Run, sample: Sample, answer: Answer) -> tuple[Detection, ...]:
    """The detections in an answer to a sample, found to be those expected where any are.

    Raises:
        Breach: the answer breaks a rule, with the most likely cause.
    """
    try:
        answered = detections_in(answer, width=sample.width, height=sample.height, labels=run.labels)
    except Breach as breach:
        readable = readable_in(document_in(answer)) if breach.rule in _DIAGNOSED else None
        diagnosis = _boxes(run, sample, readable) if readable else None
        if diagnosis is None:
            raise
        raise Breach(diagnosis.rule, f"{diagnosis.words}; {breach.reason}", fix=diagnosis.fix) from None
    if sample.expected is None:
        return answered
    found = _compared(run, sample.expected, answered)
    if found.exact:
        return answered
    rule, words = explain(found, min_iou=run.min_iou, score_tolerance=run.score_tolerance)
    explained = _explained(run, sample, answered, found)
    if explained is None:
        raise Breach(rule, words)
    raise Breach(explained.rule, f"{explained.words}; {words}", fix=explained.fix)


def _explained(run: Run, sample: Sample, answered: Sequence[Detection], found: Match) -> Diagnosis | None:
    if sample.expected is None or not sample.expected:
        return None
    misplaced = found.missing or found.unexpected or found.low_iou
    if misplaced and (diagnosis := _boxes(run, sample, answered)):
        return diagnosis
    if diagnosis := _channels(run, sample, found):
        return diagnosis
    if found.wrong_label and run.labels:
        return diagnose_labels(sample.expected, answered, labels=run.labels, min_iou=run.min_iou)
    return None


def _boxes(run: Run, sample: Sample, answered: Sequence[Detection]) -> Diagnosis | None:
    return diagnose_boxes(
        sample.expected or (), answered, width=sample.width, height=sample.height, min_iou=run.min_iou
    )


def _channels(run: Run, sample: Sample, found: Match) -> Diagnosis | None:
    """An experiment: does the sample with red and blue exchanged get the expected answer?"""
    expected = sample.expected or ()
    bgr = open_image(sample.read(), max_pixels=sample.width * sample.height).bgr
    try:
        answered = run.score(
            png(np.ascontiguousarray(bgr[:, :, ::-1])), width=sample.width, height=sample.height
        )
    except Breach:
        return None
    exchanged = _compared(run, expected, answered)
    if not exchanged.exact and exchanged.placed < max(2 * found.placed, 0.8 * len(expected), 1):
        return None
    words = (
        "red and blue look exchanged on the way to the model: with the sample's channels exchanged, "
        f"{exchanged.placed} of {len(expected)} expected detections match"
    )
    return Diagnosis(
        "sample.channel-order",
        words,
        "give the detector image.rgb instead of image.bgr, or the other way round",
    )


def _compared(run: Run, expected: Sequence[Detection], answered: Sequence[Detection]) -> Match:
    return match(expected, answered, min_iou=run.min_iou, score_tolerance=run.score_tolerance)
