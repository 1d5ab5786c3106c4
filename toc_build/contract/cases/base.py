"""What a case is, and what the cases of one run share; `probe` makes the `Run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toc_build.contract.answers import Answer, detections_in
from toc_build.contract.client import Scorer
from toc_build.contract.images import Picture, png
from toc_build.contract.matching import Match, explain, match
from toc_build.contract.rules import CannotTell
from toc_build.contract.samples import Sample
from toc_build.runtime import Detection


@dataclass
class Run:
    """One run of the contract: the scorer, what it is held to, and what the cases found so far.

    Attributes:
        scorer: who is asked.
        picture: what the format cases post.
        labels: the declared labels in their order, or None when they are not known.
        samples: the model repository's samples.
        max_request_bytes: the largest body that is scored, or None when it is not known.
        max_pixels: the largest image that is scored, or None when it is not known.
        min_iou: least IoU of a sample's expected and answered box.
        score_tolerance: largest difference of a sample's expected and answered score.
        temp_dir: the scorer's TMPDIR when it runs on this machine.
        reference: the detections in the picture, once the first case got a valid answer.
        reference_rule: the rule that the first case found broken.
        files_before: what lay in `temp_dir` after the first answer.
    """

    scorer: Scorer
    picture: Picture
    labels: Sequence[str] | None
    samples: Sequence[Sample]
    max_request_bytes: int | None
    max_pixels: int | None
    min_iou: float
    score_tolerance: float
    temp_dir: Path | None
    reference: tuple[Detection, ...] | None = None
    reference_rule: str | None = None
    files_before: frozenset[str] | None = None
    _png: bytes = field(default=b"", repr=False)

    @property
    def png(self) -> bytes:
        """The picture as PNG: the body of every case that is not about a format."""
        if not self._png:
            self._png = png(self.picture.bgr)
        return self._png

    def score(
        self,
        body: bytes,
        *,
        width: int | None = None,
        height: int | None = None,
        content_type: str | None = "image/png",
    ) -> tuple[Detection, ...]:
        """Post an image and read its detections.

        Args:
            body: the image.
            width: as displayed, in pixels; that of the picture by default.
            height: likewise.
            content_type: the header to send, None for none.

        Raises:
            Breach: the answer breaks a rule.
        """
        return self.read(self.scorer.post(body, content_type=content_type), width=width, height=height)

    def read(
        self, answer: Answer, *, width: int | None = None, height: int | None = None
    ) -> tuple[Detection, ...]:
        """The detections in an answer to an image, by default to the picture; errors as `score`."""
        return detections_in(
            answer,
            width=width or self.picture.width,
            height=height or self.picture.height,
            labels=self.labels,
        )

    def known(self) -> tuple[Detection, ...]:
        """The detections in the picture.

        Raises:
            CannotTell: the scorer gave no usable answer to it.
        """
        if self.reference is None:
            broken = (
                f": the answer in the case `picture` breaks {self.reference_rule}"
                if self.reference_rule
                else ""
            )
            raise CannotTell(f"there is no answer to compare with{broken}")
        return self.reference

    def remark(self) -> str:
        """A remark when the picture has no detections, so that comparing them means little; else nothing."""
        if self.reference:
            return ""
        return f"{self.picture.origin} has no detections, so only the form of the answer was compared"


@dataclass(frozen=True)
class Case:
    """One thing the contract tries.

    Attributes:
        name: as reports show it.
        check: returns a remark or an empty text; raises `Breach`, `CannotTell` or `Unreachable`.
        always_judged: whether it is reported even when it breaks the very rule that an earlier case broke for
            every answer.
    """

    name: str
    check: Callable[[Run], str]
    always_judged: bool = False


# The same pixels again: floating-point noise is all that may differ.
_EXACT_IOU, _EXACT_SCORE = 0.95, 0.01
# Nearly the same pixels (JPEG at quality 98): boxes move a little, and what is at the threshold may fall off
# it.
_CLOSE_IOU, _CLOSE_SCORE, _BORDERLINE = 0.6, 0.15, 0.1


def difference(
    known: Sequence[Detection], answered: Sequence[Detection], *, exact: bool = True
) -> str | None:
    """How two answers to the same picture differ, in words; None when they do not.

    Args:
        known: the detections it should have.
        answered: the detections it got.
        exact: whether the pixels were the same. Otherwise detections within `_BORDERLINE` of the lowest score
            may come and go, as long as half of them stay.
    """
    min_iou, tolerance = (_EXACT_IOU, _EXACT_SCORE) if exact else (_CLOSE_IOU, _CLOSE_SCORE)
    found = match(known, answered, min_iou=min_iou, score_tolerance=tolerance)
    if found.exact or (not exact and _only_borderline(found, known, answered)):
        return None
    _, words = explain(found, min_iou=min_iou, score_tolerance=tolerance)
    return words


def _only_borderline(found: Match, known: Sequence[Detection], answered: Sequence[Detection]) -> bool:
    if found.wrong_label or found.low_iou or found.score_off:
        return False
    if found.placed * 2 < max(len(known), len(answered)):
        return False
    scores = [d.score for d in (*known, *answered) if d.score is not None]
    return all(
        d.score is not None and d.score <= min(scores) + _BORDERLINE
        for d in (*found.missing, *found.unexpected)
    )
