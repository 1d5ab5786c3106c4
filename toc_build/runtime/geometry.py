"""Boxes and letterboxes: the arithmetic around a detector, vectorised. Called by `scoring/detector.py`.

Boxes are N x 4 arrays with the columns xmin, ymin, xmax, ymax; every function takes anything array-like and
gives float64 back. numpy only; `letterbox` alone loads OpenCV or Pillow, to resize.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class LetterboxGeometry:
    """Where an image went inside its letterbox.

    Attributes:
        image_width: of the image that was put in, in pixels.
        image_height: of the image that was put in, in pixels.
        width: of the letterbox, in pixels.
        height: of the letterbox, in pixels.
        scale_x: letterbox pixels for one image pixel, across.
        scale_y: the same, down; differs from `scale_x` by the rounding to whole pixels only.
        left: width of the padding to the left of the image, in letterbox pixels.
        top: height of the padding above the image, in letterbox pixels.
    """

    image_width: int
    image_height: int
    width: int
    height: int
    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_image(self, boxes: ArrayLike, *, clip: bool = True) -> Boxes:
        """Boxes in letterbox pixels -> boxes in pixels of the image.

        Args:
            boxes: N x 4.
            clip: keep them inside the image; a box that lay in the padding becomes empty.
        """
        found = (as_boxes(boxes) - self._offset()) / self._scale()
        return clip_boxes(found, self.image_width, self.image_height) if clip else found

    def from_image(self, boxes: ArrayLike) -> Boxes:
        """Boxes in pixels of the image -> boxes in letterbox pixels."""
        return as_boxes(boxes) * self._scale() + self._offset()

    def _scale(self) -> Boxes:
        return np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])

    def _offset(self) -> Boxes:
        return np.array([self.left, self.top, self.left, self.top], np.float64)


def letterbox(
    image: NDArray[Any],
    size: int | tuple[int, int],
    *,
    fill: int = 114,
    scale_up: bool = True,
    centre: bool = True,
) -> tuple[NDArray[Any], LetterboxGeometry]:
    """Resizes an image into a fixed size, keeping its proportions and filling up the rest.

    Args:
        image: height x width x channels, or height x width.
        size: side of a square, or (width, height), in pixels.
        fill: value of the padding.
        scale_up: whether a small image is enlarged.
        centre: pad on both sides; False pads to the right and below only.

    Returns:
        The letterbox (same dtype and channels as `image`, C-contiguous), and the geometry that takes boxes
        back.

    Raises:
        ValueError: an empty image, or a size below 1.
    """
    width, height = (size, size) if isinstance(size, int) else size
    if image.ndim not in (2, 3) or not image.size or width < 1 or height < 1:
        raise ValueError(f"cannot letterbox an image of shape {image.shape} into {width} x {height} px")
    image_height, image_width = image.shape[:2]
    scale = min(width / image_width, height / image_height)
    if not scale_up:
        scale = min(scale, 1.0)
    inner_width = min(width, max(1, round(image_width * scale)))
    inner_height = min(height, max(1, round(image_height * scale)))
    left, top = ((width - inner_width) // 2, (height - inner_height) // 2) if centre else (0, 0)
    boxed = np.full((height, width, *image.shape[2:]), fill, image.dtype)
    inner = boxed[top : top + inner_height, left : left + inner_width]
    if (inner_width, inner_height) == (image_width, image_height):
        inner[...] = image
    else:
        from .codec import codec

        inner[...] = codec.resized(image, inner_width, inner_height, shrink=scale < 1)
    return boxed, LetterboxGeometry(
        image_width=image_width,
        image_height=image_height,
        width=width,
        height=height,
        scale_x=inner_width / image_width,
        scale_y=inner_height / image_height,
        left=left,
        top=top,
    )


def unletterbox(boxes: ArrayLike, geometry: LetterboxGeometry, *, clip: bool = True) -> Boxes:
    """Boxes in letterbox pixels -> boxes in pixels of the image: `geometry.to_image(boxes)`."""
    return geometry.to_image(boxes, clip=clip)


def as_boxes(boxes: ArrayLike) -> Boxes:
    """`boxes` as an N x 4 float64 array; an empty list gives 0 x 4.

    Raises:
        ValueError: another shape.
    """
    array = np.asarray(boxes, np.float64)
    if array.size == 0 and array.ndim <= 2:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes must be an N x 4 array (xmin, ymin, xmax, ymax), not of shape {array.shape}")
    return array


def clip_boxes(boxes: ArrayLike, width: int, height: int) -> Boxes:
    """Boxes trimmed to the image; one that lay outside becomes empty (no width or no height).

    Args:
        boxes: N x 4 in pixels.
        width: of the image, in pixels.
        height: of the image, in pixels.
    """
    clipped: Boxes = np.clip(as_boxes(boxes), 0.0, np.array([width, height, width, height], np.float64))
    return clipped


def iou_matrix(first: ArrayLike, second: ArrayLike) -> Boxes:
    """Intersection over union of every box of `first` with every box of `second`.

    Args:
        first: N x 4.
        second: M x 4.

    Returns:
        N x M array in [0, 1]; 0 where a box is empty or inverted.
    """
    a, b = as_boxes(first), as_boxes(second)
    corner_low = np.maximum(a[:, None, :2], b[None, :, :2])
    corner_high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.prod(np.clip(corner_high - corner_low, 0.0, None), axis=2)
    union = _areas(a)[:, None] + _areas(b)[None, :] - overlap
    result = np.zeros_like(overlap)
    np.divide(overlap, union, out=result, where=(overlap > 0) & (union > 0))
    return np.minimum(result, 1.0)  # type: ignore[no-any-return]


def _areas(boxes: Boxes) -> Boxes:
    areas: Boxes = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None), axis=1)
    return areas


def nms(
    boxes: ArrayLike,
    scores: ArrayLike,
    *,
    iou_threshold: float = 0.5,
    classes: ArrayLike | None = None,
    limit: int | None = None,
) -> NDArray[np.int64]:
    """Non-maximum suppression: of boxes that overlap, the one with the best score stays.

    Args:
        boxes: N x 4.
        scores: N; of equal ones the earlier box counts as better.
        iou_threshold: a box whose IoU with a better one is above this goes.
        classes: N labels or class numbers: boxes of different classes leave each other alone.
        limit: keep at most so many.

    Returns:
        Indices of the boxes that stay, best first.

    Raises:
        ValueError: lengths that differ, or a score that is not a number.
    """
    candidates = as_boxes(boxes)
    ranks = np.asarray(scores, np.float64).reshape(-1)
    kinds = np.zeros(len(ranks), np.int64)
    if classes is not None:
        kinds = np.unique(np.asarray(classes).reshape(-1), return_inverse=True)[1].reshape(-1)
    if not len(candidates) == len(ranks) == len(kinds):
        raise ValueError(
            f"{len(candidates)} boxes, {len(ranks)} scores and {len(kinds)} classes do not match"
        )
    if np.isnan(ranks).any():
        raise ValueError("a score is NaN")
    order = np.argsort(-ranks, kind="stable")
    kept: list[int] = []
    while order.size and (limit is None or len(kept) < limit):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        overlaps = iou_matrix(candidates[best : best + 1], candidates[rest])[0]
        order = rest[(overlaps <= iou_threshold) | (kinds[rest] != kinds[best])]
    return np.array(kept, np.int64)
