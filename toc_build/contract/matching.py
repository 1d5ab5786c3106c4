"""Expected detections against answered ones: which belong together, and what is wrong with the rest.

`cases` calls `match` for samples and for the same picture in two formats; `conventions` calls it to try other
readings of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toc_build.runtime import Detection, iou_matrix

# Below this overlap two boxes of one label are two objects, not one badly placed box.
NEARBY_IOU = 0.1


@dataclass(frozen=True)
class Pair:
    """An expected detection and the answered one that belongs to it, with their IoU in [0, 1]."""

    expected: Detection
    answered: Detection
    iou: float


@dataclass(frozen=True)
class Match:
    """How an answer compares with what was expected; every detection of both sides is in exactly one place.

    Attributes:
        agreed: right label, IoU at least the least one, scores within tolerance (or one side has none).
        score_off: as `agreed`, but the scores differ by more than the tolerance.
        wrong_label: IoU at least the least one, another label.
        low_iou: right label, boxes overlap, but less than the least IoU.
        missing: expected, and nothing answered belongs to it.
        unexpected: answered, and nothing expected belongs to it.
    """

    agreed: tuple[Pair, ...]
    score_off: tuple[Pair, ...]
    wrong_label: tuple[Pair, ...]
    low_iou: tuple[Pair, ...]
    missing: tuple[Detection, ...]
    unexpected: tuple[Detection, ...]

    @property
    def exact(self) -> bool:
        """Whether everything agreed."""
        return not (self.score_off or self.wrong_label or self.low_iou or self.missing or self.unexpected)

    @property
    def placed(self) -> int:
        """How many detections have the right place and label, whatever their score."""
        return len(self.agreed) + len(self.score_off)


def match(
    expected: Sequence[Detection], answered: Sequence[Detection], *, min_iou: float, score_tolerance: float
) -> Match:
    """Pair expected with answered detections and sort out the rest.

    As many as can be are paired by label and IoU (a maximum matching, so that crowded boxes cannot steal each
    other's partner); what is left is paired by IoU alone, then by label and any overlap from `NEARBY_IOU` on.

    Args:
        expected: boxes in pixels.
        answered: boxes in pixels of the same image.
        min_iou: least IoU of one and the same object, in (0, 1].
        score_tolerance: largest difference of two equal scores.
    """
    ious = iou_matrix(boxes_of(expected), boxes_of(answered))
    same_label = np.array([[e.label == a.label for a in answered] for e in expected], dtype=bool).reshape(
        ious.shape
    )
    left_expected = set(range(len(expected)))
    left_answered = set(range(len(answered)))

    def take(allowed: np.ndarray) -> list[Pair]:
        found = _maximum_matching(np.where(allowed, ious, 0.0), left_expected, left_answered)
        left_expected.difference_update(row for row, _ in found)
        left_answered.difference_update(column for _, column in found)
        return [
            Pair(expected[row], answered[column], float(ious[row, column])) for row, column in sorted(found)
        ]

    close = ious >= min_iou
    placed = take(same_label & close)
    wrong_label = take(close)
    low_iou = take(same_label & (ious >= min(NEARBY_IOU, min_iou)))
    return Match(
        agreed=tuple(pair for pair in placed if not _score_off(pair, score_tolerance)),
        score_off=tuple(pair for pair in placed if _score_off(pair, score_tolerance)),
        wrong_label=tuple(wrong_label),
        low_iou=tuple(low_iou),
        missing=tuple(expected[row] for row in sorted(left_expected)),
        unexpected=tuple(answered[column] for column in sorted(left_answered)),
    )


def boxes_of(detections: Sequence[Detection]) -> np.ndarray:
    """The boxes as an Nx4 float array, columns xmin, ymin, xmax, ymax, in pixels."""
    rows = [(d.xmin, d.ymin, d.xmax, d.ymax) for d in detections]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 4)


def describe(detection: Detection) -> str:
    """One detection in words: `bottle at x 10..40, y 20..80, score 0.91`."""
    score = "" if detection.score is None else f", score {detection.score:.2f}"
    return (
        f"{detection.label} at x {_number(detection.xmin)}..{_number(detection.xmax)}, "
        f"y {_number(detection.ymin)}..{_number(detection.ymax)}{score}"
    )


def explain(found: Match, *, min_iou: float, score_tolerance: float) -> tuple[str, str]:
    """The sample rule that `found` breaks, and why, in words.

    The rule is that of the first kind of mismatch in the order label, IoU, missing, unexpected, score; the
    words tell of every kind.

    Raises:
        ValueError: `found` is exact.
    """
    kinds: list[tuple[str, list[str]]] = [
        (
            "sample.label",
            [
                f"{describe(p.expected)} was answered as {p.answered.label} (IoU {p.iou:.2f})"
                for p in found.wrong_label
            ],
        ),
        (
            "sample.iou",
            [
                f"{describe(p.expected)} was answered as {describe(p.answered)}: "
                f"IoU {p.iou:.2f}, at least {min_iou:g} is asked"
                for p in found.low_iou
            ],
        ),
        ("sample.missing", [f"{describe(d)} is expected and was not answered" for d in found.missing]),
        ("sample.unexpected", [f"{describe(d)} was answered {_excess(d, found)}" for d in found.unexpected]),
        (
            "sample.score",
            [
                f"{describe(p.expected)} was answered with score {p.answered.score:.2f}, "
                f"the tolerance is {score_tolerance:g}"
                for p in found.score_off
            ],
        ),
    ]
    broken = [(rule, lines) for rule, lines in kinds if lines]
    if not broken:
        raise ValueError("an exact match breaks no rule")
    return broken[0][0], "; ".join(shorten([line for _, lines in broken for line in lines]))


def shorten(lines: list[str], most: int = 3) -> list[str]:
    """The first `most` lines and, when there are more, how many."""
    return lines if len(lines) <= most else [*lines[:most], f"and {len(lines) - most} more"]


def _excess(detection: Detection, found: Match) -> str:
    partners = [
        pair.answered for pair in (*found.agreed, *found.score_off) if pair.answered.label == detection.label
    ]
    overlap = iou_matrix(boxes_of([detection]), boxes_of(partners))
    return (
        "a second time: was NMS applied?" if overlap.size and overlap.max() > 0.5 else "and is not expected"
    )


def _score_off(pair: Pair, tolerance: float) -> bool:
    expected, answered = pair.expected.score, pair.answered.score
    # The small allowance keeps 0.9 against 0.7 within a tolerance of 0.2.
    return expected is not None and answered is not None and abs(expected - answered) > tolerance + 1e-9


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.0f}"


def _maximum_matching(weights: np.ndarray, rows: set[int], columns: set[int]) -> list[tuple[int, int]]:
    """Pair as many rows and columns as positive weights allow (Kuhn's augmenting paths), best first."""
    partner: dict[int, int] = {}
    choices: dict[int, list[int]] = {}
    for row in rows:
        ranked = sorted((-float(weights[row, column]), column) for column in columns)
        choices[row] = [column for negative, column in ranked if negative < 0]

    def place(row: int, tried: set[int]) -> bool:
        for column in choices[row]:
            if column in tried:
                continue
            tried.add(column)
            if column not in partner or place(partner[column], tried):
                partner[column] = row
                return True
        return False

    for row in sorted(rows, key=lambda r: (-max((weights[r, c] for c in choices[r]), default=0.0), r)):
        place(row, set())
    return [(row, column) for column, row in partner.items()]
