"""Why an answer does not match a sample: another box convention, another space, labels shifted by one.

`cases.judged` calls these when a sample does not match. A reading is believed only when it makes nearly
everything match that did not match before; otherwise nothing is claimed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from toc_build.contract.matching import boxes_of, match
from toc_build.runtime import Detection, iou_matrix

# A reading must place this share of the larger side ...
_EXPLAINED = 0.8
# ... and at least this many times as many detections as the answer taken as it is.
_GAIN = 2
# A fitted scale and shift can fit any single box, so it needs this many.
_LEAST_FITTED = 2
_FIT_TRIES = 12
_MODEL_SIDES = (
    96, 128, 160, 192, 224, 240, 256, 288, 299, 300, 320, 384, 416, 448, 480, 512, 544, 576, 600, 608, 640,
    672, 704, 736, 768,
    800, 832, 896, 960, 1024, 1280, 1333, 1536,
)  # fmt: skip

Boxes = np.ndarray  # Nx4 float: xmin, ymin, xmax, ymax
Reading = Callable[[Boxes], Boxes]


@dataclass(frozen=True)
class Diagnosis:
    """A reading of the answer that makes it match.

    Attributes:
        rule: `sample.box-convention` or `sample.label-offset`.
        words: what the answer looks like.
        fix: what to do.
    """

    rule: str
    words: str
    fix: str


@dataclass(frozen=True)
class _Convention:
    words: str
    fix: str
    read: Reading


def diagnose_boxes(
    expected: Sequence[Detection], answered: Sequence[Detection], *, width: int, height: int, min_iou: float
) -> Diagnosis | None:
    """The box convention under which `answered` is right, or None when none explains it.

    Args:
        expected: boxes in pixels.
        answered: boxes as answered, whatever they mean; min may exceed max.
        width: the image's width in pixels.
        height: the image's height in pixels.
        min_iou: least IoU of one and the same object.
    """
    if not expected or not answered:
        return None
    least = _least_placed(expected, answered, min_iou)
    wanted, given = boxes_of(expected), boxes_of(answered)
    for convention in _conventions(width, height):
        # There are over a hundred readings; most fail here, before labels and pairs are looked at.
        near = iou_matrix(wanted, convention.read(given)) >= min_iou
        if near.any(axis=1).sum() < least:
            continue
        placed = _placed(expected, _reread(answered, convention.read), min_iou)
        if placed >= least:
            words = f"{convention.words}: read so, {placed} of {len(expected)} expected detections match"
            return Diagnosis("sample.box-convention", words, convention.fix)
    return _fit(expected, answered, min_iou=max(min_iou, 0.6), least=max(least, _LEAST_FITTED))


def diagnose_labels(
    expected: Sequence[Detection], answered: Sequence[Detection], *, labels: Sequence[str], min_iou: float
) -> Diagnosis | None:
    """The shift by one in the declared order that makes the labels of `answered` right, or None.

    Args:
        expected: boxes in pixels.
        answered: boxes in pixels of the same image.
        labels: the declared labels in their order.
        min_iou: least IoU of one and the same object.
    """
    least = _least_placed(expected, answered, min_iou)
    for offset, direction, fix in (
        (1, "after", "subtract 1 from the label index before it is looked up"),
        (-1, "before", "add 1 to the label index before it is looked up"),
    ):
        placed = _placed(expected, _relabel(answered, labels, -offset), min_iou)
        if placed >= least:
            words = (
                f"each label is the one {direction} the right one in the declared order "
                f"({', '.join(labels)}): "
                f"shifted back, {placed} of {len(expected)} expected detections match"
            )
            return Diagnosis("sample.label-offset", words, fix)
    return None


def _placed(expected: Sequence[Detection], answered: Sequence[Detection], min_iou: float) -> int:
    return match(expected, answered, min_iou=min_iou, score_tolerance=1.0).placed


def _least_placed(expected: Sequence[Detection], answered: Sequence[Detection], min_iou: float) -> float:
    """How many detections a reading must place before it is believed."""
    return max(
        _EXPLAINED * max(len(expected), len(answered)), _GAIN * _placed(expected, answered, min_iou), 1
    )


def _conventions(width: int, height: int) -> Iterator[_Convention]:
    size = np.array([width, height, width, height], dtype=np.float64)
    shapes = [
        _Convention("as xmin, ymin, xmax, ymax", "", lambda b: b),
        _Convention(
            "with minimum and maximum exchanged", "exchange minimum and maximum", lambda b: b[:, [2, 3, 0, 1]]
        ),
        _Convention(
            "like xywh boxes (corner, width, height)",
            "answer xmax = x + width and ymax = y + height",
            lambda b: np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1),
        ),
        _Convention(
            "like cxcywh boxes (centre, width, height)",
            "answer xmin = cx - width / 2, xmax = cx + width / 2, and y alike",
            lambda b: np.concatenate([b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2], axis=1),
        ),
        _Convention(
            "with x and y swapped",
            "read the model's boxes as ymin, xmin, ymax, xmax",
            lambda b: b[:, [1, 0, 3, 2]],
        ),
    ]
    for shape in shapes[1:]:
        yield _Convention(f"these boxes look {shape.words}", shape.fix, shape.read)
    for shape in shapes:
        also = "" if not shape.fix else f" and {shape.words}"
        yield _Convention(
            f"these boxes look normalised to 0..1{also}",
            f"multiply x by the image's width and y by its height{'; ' + shape.fix if shape.fix else ''}",
            lambda b, shape=shape: shape.read(b) * size,  # type: ignore[misc]
        )
    names = ("xmin", "ymin", "xmax", "ymax")
    for order in itertools.permutations(range(4)):
        told = ", ".join(
            f"{names[source]} holds {names[place]}" for place, source in enumerate(order) if source != place
        )
        yield _Convention(
            f"the four numbers look exchanged ({told})",
            "check the order in which the model's four numbers are read",
            lambda b, order=order: b[:, list(order)],  # type: ignore[misc]
        )
    for side in _MODEL_SIDES:
        yield from _model_space(side, width, height)


def _model_space(side: int, width: int, height: int) -> Iterator[_Convention]:
    """Boxes in pixels of a model's square input, which the posted image was stretched or letterboxed into."""
    fix = "scale boxes back to the posted image (toc_build.runtime.unletterbox) before they are answered"
    ratio = side / max(width, height)
    if (width, height) != (side, side):
        stretch = np.array([width, height, width, height]) / side
        words = f"these boxes look like pixels of a {side}x{side} input that the image was stretched to"
        yield _Convention(words, fix, lambda b: b * stretch)
        words = f"these boxes look like pixels of a {side}x{side} input that the image was letterboxed into"
        pad = np.array([(side - width * ratio) / 2, (side - height * ratio) / 2] * 2)
        yield _Convention(words, fix, lambda b: (b - pad) / ratio)
        yield _Convention(f"{words} (top left)", fix, lambda b: b / ratio)


def _fit(
    expected: Sequence[Detection], answered: Sequence[Detection], *, min_iou: float, least: float
) -> Diagnosis | None:
    """A scale and shift per axis, taken from one pair of boxes, that places the others too."""
    wanted, given = boxes_of(expected), boxes_of(answered)
    for row, column in itertools.product(range(min(len(wanted), 3)), range(min(len(given), _FIT_TRIES))):
        if expected[row].label != answered[column].label:
            continue
        extent = given[column, 2:] - given[column, :2]
        if np.any(extent == 0):
            continue
        scale = (wanted[row, 2:] - wanted[row, :2]) / extent
        if np.any(scale <= 0):
            continue
        if np.all(np.abs(scale - 1) < 0.05):
            scale = np.ones(2)  # a plain shift is the simpler story
        shift = wanted[row, :2] - given[column, :2] * scale
        read = _reread(answered, partial(_moved, scale=np.tile(scale, 2), shift=np.tile(shift, 2)))
        placed = match(expected, read, min_iou=min_iou, score_tolerance=1.0).placed
        if placed < least:
            continue
        matched = f"{placed} of {len(expected)} expected detections match"
        if np.all(scale == 1):
            told = (
                f"boxes look shifted by {0.0 - round(shift[0]):g} pixels in x and "
                f"{0.0 - round(shift[1]):g} in y: "
                f"shifted back, {matched}"
            )
            return Diagnosis(
                "sample.box-convention", told, "check padding and cropping when boxes are scaled back"
            )
        told = (
            f"boxes look scaled by {1 / scale[0]:.3g} in x and {1 / scale[1]:.3g} in y, as in pixels of a "
            f"model's input: scaled back, {matched}"
        )
        fix = "scale boxes back to the posted image (toc_build.runtime.unletterbox) before they are answered"
        return Diagnosis("sample.box-convention", told, fix)
    return None


def _moved(boxes: Boxes, *, scale: np.ndarray, shift: np.ndarray) -> Boxes:
    moved: Boxes = boxes * scale + shift
    return moved


def _reread(answered: Sequence[Detection], read: Reading) -> list[Detection]:
    return [
        Detection(
            xmin=float(box[0]),
            xmax=float(box[2]),
            ymin=float(box[1]),
            ymax=float(box[3]),
            label=d.label,
            score=d.score,
        )
        for d, box in zip(answered, read(boxes_of(answered)), strict=True)
    ]


def _relabel(answered: Sequence[Detection], labels: Sequence[str], offset: int) -> list[Detection]:
    places = {label: place for place, label in enumerate(labels)}
    return [
        Detection(
            xmin=d.xmin,
            xmax=d.xmax,
            ymin=d.ymin,
            ymax=d.ymax,
            label=labels[(places[d.label] + offset) % len(labels)] if d.label in places else d.label,
            score=d.score,
        )
        for d in answered
    ]
