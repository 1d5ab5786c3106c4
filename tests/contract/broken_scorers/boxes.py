"""Scorers whose boxes are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support.contract_registry import broken
from support.contract_scorer import ColourBlobs

from toc_build.runtime import Detection, PostedImage


class Rewritten(ColourBlobs):
    """The right detections, each rewritten by `box`."""

    def detect(self, image: PostedImage) -> list[Detection]:
        found = super().detect(image)
        return [self.rewrite(detection, image.width, image.height) for detection in found]

    def rewrite(self, d: Detection, width: int, height: int) -> Detection:
        a, b, c, e = (
            float(v) for v in self.box(np.array([d.xmin, d.ymin, d.xmax, d.ymax], float), width, height)
        )
        return replace(d, xmin=a, ymin=b, xmax=c, ymax=e)

    def box(self, corners: np.ndarray, width: int, height: int) -> object:
        """xmin, ymin, xmax, ymax, in pixels."""
        raise NotImplementedError


@broken("detection.inside")
class OutsideTheImage(Rewritten):
    """Boxes are twice as large as the object, and nobody clips them."""

    def box(self, corners, width, height):
        x, y, right, bottom = corners
        return x - (right - x) * 2, y, right, bottom + (bottom - y) * 2


@broken("detection.inside")
class OnePixelTooFar(Rewritten):
    """The right edge counts from one instead of nought when a box is large."""

    def box(self, corners, width, height):
        x, y, _, bottom = corners
        return x, y, width + 1, bottom


@broken("detection.corners")
class SwappedCorners(Rewritten):
    """Minimum and maximum are exchanged."""

    def box(self, corners, width, height):
        return corners[[2, 3, 0, 1]]


@broken("detection.corners")
class EmptyBoxes(Rewritten):
    """Boxes have no width."""

    def box(self, corners, width, height):
        x, y, _, bottom = corners
        return x, y, x, bottom


@broken("detection.pixels")
class Normalised(Rewritten):
    """Boxes are in 0..1, as the model gives them."""

    def box(self, corners, width, height):
        return corners / [width, height, width, height]


@broken("sample.box-convention")
class NormalisedAndSwapped(Rewritten):
    """Boxes are ymin, xmin, ymax, xmax in 0..1, as TensorFlow's detectors give them."""

    def box(self, corners, width, height):
        return (corners / [width, height, width, height])[[1, 0, 3, 2]]


@broken("sample.box-convention")
class CornerAndSize(Rewritten):
    """Boxes are x, y, width, height."""

    def box(self, corners, width, height):
        return *corners[:2], *(corners[2:] - corners[:2])


@broken("sample.box-convention")
class CentreAndSize(Rewritten):
    """Boxes are centre x, centre y, width, height."""

    def box(self, corners, width, height):
        return *((corners[:2] + corners[2:]) / 2), *(corners[2:] - corners[:2])


@broken("sample.box-convention")
class ExchangedAxes(Rewritten):
    """x and y are exchanged."""

    def box(self, corners, width, height):
        return corners[[1, 0, 3, 2]]


@broken("sample.box-convention")
class NumbersInKeyOrder(Rewritten):
    """xmin, ymin, xmax, ymax are written one after another into the keys xmin, xmax, ymin, ymax."""

    def box(self, corners, width, height):
        xmin, xmax, ymin, ymax = corners
        return xmin, ymin, xmax, ymax


@broken("sample.box-convention")
class PixelsOfTheModelsInput(Rewritten):
    """Boxes are in pixels of the 192 x 192 input that the image was stretched to."""

    def box(self, corners, width, height):
        return corners * 192 / [width, height, width, height]


@broken("sample.box-convention")
class LetterboxNotUndone(Rewritten):
    """Boxes are in pixels of a 256 x 256 letterbox, with its padding."""

    def box(self, corners, width, height):
        scale = 256 / max(width, height)
        pad = np.array([256 - width * scale, 256 - height * scale] * 2) / 2
        return corners * scale + pad


@broken("sample.box-convention")
class PaddingNotSubtracted(Rewritten):
    """The letterbox is scaled back, but its padding of 40 pixels is forgotten."""

    def box(self, corners, width, height):
        return corners + np.array([0, 40, 0, 40])


@broken("sample.box-convention")
class HalfScale(Rewritten):
    """The image is halved before detection, and the boxes are not doubled."""

    def box(self, corners, width, height):
        return corners / 2


@broken("sample.iou")
class LooseBoxes(Rewritten):
    """Boxes reach twice as far to the left and up as the object."""

    def box(self, corners, width, height):
        x, y, right, bottom = corners
        return max(0, x - (right - x)), max(0, y - (bottom - y)), right, bottom
