"""Draws detections on an image, for people to look at.

`toc-build score --draw` and the demo call it; the docs' pictures are made with it. OpenCV and numpy only; no
model, no file and no server is touched here.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
import unicodedata
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from toc_build.runtime import Detection

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BLACK: Colour = (0, 0, 0)
_WHITE: Colour = (255, 255, 255)
# OpenCV 5 draws any letter that its built-in fonts have; before, putText knew ASCII alone.
_DRAWS_UNICODE = int(cv2.__version__.split(".", 1)[0]) >= 5


def draw_detections(bgr: Image, detections: Iterable[Detection]) -> Image:
    """A copy of an image with every detection's box, label and score on it.

    A label has the same colour in every image. Line width and letters grow with the image. The best detection
    is drawn last, on top.

    Args:
        bgr: height x width x 3, uint8, BGR; left as it is.
        detections: boxes in pixels of `bgr`; what lies outside the image is cut off.

    Returns:
        The drawing, of the shape of `bgr`.

    Raises:
        ValueError: `bgr` is not height x width x 3 of uint8, or is empty.
    """
    if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8 or not bgr.size:
        raise ValueError(f"an image of height x width x 3, uint8, is wanted, not {bgr.shape} {bgr.dtype}")
    drawing = np.array(bgr, order="C")
    height, width = bgr.shape[:2]
    line = max(2, round(max(height, width) / 320))
    ranked = sorted(detections, key=lambda found: -1.0 if found.score is None else found.score)
    for detection in ranked:
        low, high = _corners(detection, width, height)
        # A dark edge on both sides keeps the line visible on ground of its own colour.
        cv2.rectangle(drawing, low, high, _BLACK, line + 2)
        cv2.rectangle(drawing, low, high, label_colour(detection.label), line)
    for detection in ranked:  # after all boxes: no line crosses a caption
        _draw_caption(drawing, detection, line)
    return drawing


def label_colour(label: str) -> Colour:
    """The colour of a label: BGR, bright, the same on every machine and in every image."""
    digest = hashlib.blake2b(label.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    hue = int.from_bytes(digest[:2], "big") / 65536
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.6 + digest[2] / 255 * 0.35, 0.85 + digest[3] / 255 * 0.15)
    return round(blue * 255), round(green * 255), round(red * 255)


def caption(detection: Detection) -> str:
    """What stands at a box: the label and, where there is one, the score with two decimals."""
    # A line break or another control character has no picture.
    label = "".join(letter if letter.isprintable() else " " for letter in detection.label).strip()
    if not _DRAWS_UNICODE:
        # "Tüte" -> "Tute"; a letter without a plain one inside becomes a question mark.
        parts = (unicodedata.normalize("NFKD", letter) for letter in label)
        label = "".join(part.encode("ascii", "ignore").decode() or "?" for part in parts)
    return label if detection.score is None else f"{label} {detection.score:.2f}".strip()


def _corners(detection: Detection, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first and the last pixel of the box, inside the image."""
    left = min(max(math.floor(detection.xmin), 0), width - 1)
    top = min(max(math.floor(detection.ymin), 0), height - 1)
    right = min(max(math.ceil(detection.xmax) - 1, left), width - 1)
    bottom = min(max(math.ceil(detection.ymax) - 1, top), height - 1)
    return (left, top), (right, bottom)


def _draw_caption(drawing: Image, detection: Detection, line: int) -> None:
    """The caption on a plate of the label's colour: above the box, or inside where there is no room."""
    height, width = drawing.shape[:2]
    (left, top), _ = _corners(detection, width, height)
    text = caption(detection)
    scale = min(max(max(height, width) / 1100, 0.45), 4.0)
    weight = max(1, round(scale * 1.4))
    (text_width, text_height), below = cv2.getTextSize(text, _FONT, scale, weight)
    edge = 2 + line
    plate_width, plate_height = text_width + 2 * edge, text_height + below + edge
    x = max(0, min(left, width - plate_width))
    y = top - plate_height if top >= plate_height else min(top, max(0, height - plate_height))
    colour = label_colour(detection.label)
    cv2.rectangle(drawing, (x, y), (x + plate_width - 1, y + plate_height - 1), colour, cv2.FILLED)
    ink = _BLACK if _brightness(colour) > 110 else _WHITE
    cv2.putText(
        drawing, text, (x + edge, y + edge // 2 + text_height), _FONT, scale, ink, weight, cv2.LINE_AA
    )


def _brightness(colour: Colour) -> float:
    """How bright a BGR colour looks, 0 to 255."""
    blue, green, red = colour
    return 0.114 * blue + 0.587 * green + 0.299 * red
