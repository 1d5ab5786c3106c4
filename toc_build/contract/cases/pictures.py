"""Cases about images that must be scored: the picture itself, tiny ones, and the picture in every format."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np

from toc_build.contract.answers import Answer
from toc_build.contract.cases.base import Case, Run, difference
from toc_build.contract.images import Variant, colour_variants, png, rotated_jpeg
from toc_build.contract.matching import boxes_of
from toc_build.contract.rules import Breach
from toc_build.errors import ScoreError
from toc_build.runtime import Detection

_THIN_LENGTH = 700


_NOT_A_SCORER = {
    401: ("TOC-TEST-022", "it asks for a key", "pass the key: headers={'Authorization': 'Bearer ...'})"),
    403: ("TOC-TEST-022", "it refuses the key", "pass the key of this endpoint"),
    404: (
        "TOC-TEST-023",
        "there is nothing at this path",
        "check the path; toc-build's own targets score at /score",
    ),
    502: (
        "TOC-TEST-024",
        "no scorer is running behind this address",
        "wait until it is ready, or look at its log",
    ),
    503: ("TOC-TEST-024", "it is not ready", "wait until it is ready, or look at its log"),
    504: (
        "TOC-TEST-024",
        "no scorer is answering behind this address",
        "wait until it is ready, or look at its log",
    ),
}


def first_cases() -> Iterator[Case]:
    """The picture, whose answer later cases compare with, and the smallest images there are."""
    yield Case("picture", _picture, always_judged=True)
    yield Case("image-of-one-pixel", partial(_tiny, width=1, height=1))
    yield Case("image-of-one-row", partial(_tiny, width=_THIN_LENGTH, height=1))


def format_cases(run: Run) -> Iterator[Case]:
    """One case per format and depth, then grey and EXIF orientation."""
    for variant in colour_variants(run.picture.bgr):
        yield Case(f"format-{variant.name}", partial(_format, variant=variant))
    yield Case("format-png-grey", _grey)
    yield Case("format-jpeg-rotated", _rotated)


def _picture(run: Run) -> str:
    try:
        answer = run.scorer.post(run.png, content_type="image/png")
        _hold_scorer(run, answer)
        run.reference = run.read(answer)
    except Breach as breach:
        run.reference_rule = breach.rule
        raise
    return run.remark()


def _hold_scorer(run: Run, answer: Answer) -> None:
    """An address without a scorer is no result of the contract, it is a mistake of the caller's."""
    if answer.status in _NOT_A_SCORER:
        code, what, fix = _NOT_A_SCORER[answer.status]
        raise ScoreError(
            f"no scorer can be tested here: {what} (status {answer.status})",
            code=code,
            where=run.scorer.shown_uri,
            fix=fix,
        )


def _tiny(run: Run, width: int, height: int) -> str:
    body = png(np.full((height, width, 3), 127, dtype=np.uint8))
    try:
        run.score(body, width=width, height=height)
    except Breach as breach:
        if breach.rule != "answer.status" or run.reference_rule == "answer.status":
            raise
        raise Breach("image.tiny", f"an image of {width} x {height} pixels: {breach.reason}") from None
    return ""


def _format(run: Run, variant: Variant) -> str:
    answered = _scored(run, variant.data, variant.name)
    _hold_same(difference(run.known(), answered, exact=variant.exact), variant.name)
    return run.remark()


def _grey(run: Run) -> str:
    """Grey in one channel must be scored as the same grey in three."""
    grey = cv2.cvtColor(run.picture.bgr, cv2.COLOR_BGR2GRAY)
    answered = _scored(run, png(grey), "grey PNG")
    in_three = run.score(png(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)))
    _hold_same(difference(in_three, answered), "grey PNG")
    return (
        ""
        if in_three
        else f"{run.picture.origin} has no detections in grey, so only the form of the answer was compared"
    )


def _rotated(run: Run) -> str:
    answered: tuple[Detection, ...] | None = None
    try:
        answered = _scored(run, rotated_jpeg(run.picture.bgr), "JPEG with EXIF orientation 6")
    except Breach as breach:
        # Unrotated boxes often leave the image; without EXIF the same scorer keeps them inside.
        if breach.rule != "detection.inside" or run.reference_rule == breach.rule:
            raise
        raise Breach("format.orientation", f"a JPEG with EXIF orientation 6: {breach.reason}") from None
    known = run.known()
    differs = difference(known, answered, exact=False)
    if differs is None:
        return run.remark()
    words = f"a JPEG with EXIF orientation 6 is not scored as it is displayed: {differs}"
    if known and difference(known, _turned(answered, run.picture.width), exact=False) is None:
        words = f"the EXIF orientation is ignored: turned by 90 degrees, all detections match; {differs}"
    raise Breach("format.orientation", words)


def _scored(run: Run, body: bytes, name: str) -> tuple[Detection, ...]:
    try:
        return run.score(body, content_type=None)
    except Breach as breach:
        if breach.rule not in ("answer.status", "answer.missing") or run.reference_rule == breach.rule:
            raise
        raise Breach("format.refused", f"the picture as {name}: {breach.reason}") from None


def _hold_same(differs: str | None, name: str) -> None:
    if differs is not None:
        raise Breach(
            "format.same", f"the picture as {name} got other detections than as 8-bit PNG: {differs}"
        )


def _turned(answered: tuple[Detection, ...], width: int) -> list[Detection]:
    """Boxes in the stored pixels of orientation 6, as they lie in the displayed picture of that width."""
    turned = boxes_of(answered)[:, [1, 0, 3, 2]]
    turned[:, [0, 2]] = width - turned[:, [2, 0]]
    return [
        Detection(
            xmin=float(b[0]),
            xmax=float(b[2]),
            ymin=float(b[1]),
            ymax=float(b[3]),
            label=d.label,
            score=d.score,
        )
        for d, b in zip(answered, turned, strict=True)
    ]
