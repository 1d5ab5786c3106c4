"""The posted image as a scoring script wants it: an array in BGR or RGB, a temporary file, or the bytes.

The request handler opens every posted body with `open_image` before the detector sees it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .image_header import ImageFormat, ImageHeader, UnreadableImage, read_header

SUFFIXES: dict[ImageFormat, str] = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "tiff": ".tif",
    "bmp": ".bmp",
}
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


class TooManyPixels(ValueError):  # noqa: N818 - a name of the public API
    """The posted image is larger than allowed; known from its header, before anything is decoded."""


class PostedImage:
    """One posted image, decoded.

    Attributes:
        data: the bytes as posted.
        format: `jpeg`, `png`, `webp`, `tiff` or `bmp`.
        width: in pixels as displayed (EXIF orientation applied); `bgr.shape[1]`.
        height: in pixels as displayed; `bgr.shape[0]`.
        bgr: height x width x 3, uint8, C-contiguous, blue first: OpenCV's order. Yours to change.
    """

    __slots__ = ("_rgb", "bgr", "data", "format", "height", "width")

    def __init__(self, data: bytes, format: ImageFormat, bgr: NDArray[np.uint8]) -> None:  # noqa: A002
        self.data = data
        self.format = format
        self.bgr = bgr
        self.height, self.width = bgr.shape[:2]
        self._rgb: NDArray[np.uint8] | None = None

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """Height x width x 3, uint8, C-contiguous, red first; made from `bgr` at the first use, then kept."""
        if self._rgb is None:
            self._rgb = cv2.cvtColor(self.bgr, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
        return self._rgb  # type: ignore[return-value]

    @contextlib.contextmanager
    def as_file(self) -> Iterator[Path]:
        """The posted bytes as a temporary file with the format's suffix, removed when the block ends.

        The file holds what was posted, so a program that reads it must apply the EXIF orientation itself
        (`cv2.imread` does, Pillow's `Image.open` does not).

        Yields:
            Path of the file; only this user can read it.
        """
        descriptor, name = tempfile.mkstemp(prefix="toc-build-", suffix=SUFFIXES[self.format])
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.data)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<PostedImage {self.format} {self.width} x {self.height}>"


def open_image(data: bytes, *, max_pixels: int) -> PostedImage:
    """Checks and decodes a posted image.

    Colours come out as Pillow's `convert("RGB")` shows them: grey is repeated, alpha is dropped, CMYK and
    palettes are converted, 16-bit samples are divided by 257 and rounded. Of a file with several pages the
    first is taken.

    Args:
        data: the whole posted body.
        max_pixels: largest width x height that is decoded.

    Raises:
        UnreadableImage: not an accepted format, cut short, or broken.
        TooManyPixels: larger than `max_pixels`, or than OpenCV itself decodes.
        MemoryError: the pixels did not fit into memory.
    """
    header = read_header(data)
    _check_size(header, max_pixels)
    if header.refused:
        raise UnreadableImage(header.refused)
    if not header.complete:
        raise UnreadableImage(f"truncated: the {header.format.upper()} image ends before its last byte")
    pixels = _decode(data, header)
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
        if header.inverted:
            cv2.bitwise_not(pixels, pixels)
    pixels = _turn(pixels, header.orientation)
    # The header parser and the decoder must have read the same picture: else the size check was worth
    # nothing.
    if pixels.dtype != np.uint8 or pixels.shape != (header.height, header.width, 3):
        raise UnreadableImage(f"the {header.format.upper()} image does not decode to what its header says")
    return PostedImage(data, header.format, np.ascontiguousarray(pixels))


def _check_size(header: ImageHeader, max_pixels: int) -> None:
    width, height = header.width, header.height
    size = f"the image is {width} x {height} px"
    if width * height > max_pixels:
        raise TooManyPixels(f"{size}, {width * height:,} pixels; at most {max_pixels:,} are accepted")
    limit = decoder_limit("PIXELS")
    if width * height > limit:
        raise TooManyPixels(
            f"{size}, {width * height:,} pixels; this scorer's OpenCV decodes at most {limit:,} "
            "(environment variable OPENCV_IO_MAX_IMAGE_PIXELS)"
        )
    side = min(_LONGEST_SIDE, decoder_limit("WIDTH"), decoder_limit("HEIGHT"))
    if max(width, height) > side:
        raise TooManyPixels(f"{size}; at most {side:,} px along one side are accepted")


_LONGEST_SIDE = 1_000_000  # libpng's; OpenCV's own is a little higher
_DEFAULT_LIMITS = {"PIXELS": 1 << 30, "WIDTH": 1 << 20, "HEIGHT": 1 << 20}


def decoder_limit(name: str) -> int:
    """OpenCV's own limit for `PIXELS`, `WIDTH` or `HEIGHT`; it reads the environment when it is loaded."""
    text = os.environ.get(f"OPENCV_IO_MAX_IMAGE_{name}", "").strip()
    for unit, factor in (("MB", 1 << 20), ("KB", 1 << 10), ("", 1)):
        digits = text[: len(text) - len(unit)]
        if text.upper().endswith(unit) and digits.isascii() and digits.isdigit():
            return int(digits) * factor
    return _DEFAULT_LIMITS[name]


def _decode(data: bytes, header: ImageHeader) -> NDArray[Any]:
    source: bytes | bytearray = data
    if header.patches:
        source = bytearray(data)
        for at, patch in header.patches:
            source[at : at + len(patch)] = patch
    broken = UnreadableImage(f"the {header.format.upper()} image is broken: its data cannot be decoded")
    try:
        with _quiet:
            pixels = cv2.imdecode(np.frombuffer(source, np.uint8), _FLAGS)
    except cv2.error as error:
        if getattr(error, "code", None) == cv2.Error.StsNoMem:
            raise MemoryError(f"no memory for {header.width} x {header.height} pixels") from None
        raise broken from None
    if pixels is None:
        raise broken
    return pixels


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
