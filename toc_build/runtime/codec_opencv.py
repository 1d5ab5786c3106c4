"""Decoding and resizing with OpenCV. `codec` takes it where OpenCV is installed."""

from __future__ import annotations

import os
import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .image_header import ImageHeader, UnreadableImage, patched

NAME = "OpenCV"
LIMIT_SETTING = "the environment variable OPENCV_IO_MAX_IMAGE_PIXELS"
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_DEFAULT_LIMITS = {"PIXELS": 1 << 30, "WIDTH": 1 << 20, "HEIGHT": 1 << 20}


def decode(data: bytes, header: ImageHeader) -> NDArray[Any]:
    """See `codec.Codec`."""
    broken = UnreadableImage(f"the {header.format.upper()} image is broken: its data cannot be decoded")
    try:
        with _quiet:
            pixels = cv2.imdecode(np.frombuffer(patched(data, header.patches), np.uint8), _FLAGS)
    except cv2.error as error:
        if getattr(error, "code", None) == cv2.Error.StsNoMem:
            raise MemoryError(f"no memory for {header.width} x {header.height} pixels") from None
        raise broken from None
    if pixels is None:
        raise broken
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
        if header.inverted:
            cv2.bitwise_not(pixels, pixels)
    return _turn(pixels, header.orientation)


def swapped(pixels: NDArray[np.uint8]) -> NDArray[Any]:
    """See `codec.Codec`."""
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def resized(image: NDArray[Any], width: int, height: int, *, shrink: bool) -> NDArray[Any]:
    """See `codec.Codec`."""
    way = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=way).reshape((height, width, *image.shape[2:]))


def limit(name: str) -> int:
    """See `codec.Codec`; OpenCV reads its limits from the environment when it is loaded."""
    text = os.environ.get(f"OPENCV_IO_MAX_IMAGE_{name}", "").strip()
    for unit, factor in (("MB", 1 << 20), ("KB", 1 << 10), ("", 1)):
        digits = text[: len(text) - len(unit)]
        if text.upper().endswith(unit) and digits.isascii() and digits.isdigit():
            return int(digits) * factor
    return _DEFAULT_LIMITS[name]


def _turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Applies an EXIF orientation."""
    if orientation in (5, 7):
        pixels = cv2.transpose(pixels)
    flips = {2: 1, 3: -1, 4: 0, 7: -1}
    turns = {6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
    if orientation in flips:
        return cv2.flip(pixels, flips[orientation])
    if orientation in turns:
        return cv2.rotate(pixels, turns[orientation])
    return pixels


class _Quiet:
    """Keeps OpenCV's log silent while an image is decoded: a broken upload is the client's news.

    The level is one for the process, so the first thread in lowers it and the last one out puts it back.
    """

    def __init__(self) -> None:
        module: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 5; 4 has the two functions at the top
        self._get, self._set = getattr(module, "getLogLevel", None), getattr(module, "setLogLevel", None)
        self._lock = threading.Lock()
        self._inside = 0
        self._level = 0

    def __enter__(self) -> None:
        if self._get is None or self._set is None:
            return
        with self._lock:
            if self._inside == 0:
                self._level = self._get()
                self._set(0)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        if self._get is None or self._set is None:
            return
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._set(self._level)


_quiet = _Quiet()
