"""The posted image as a scoring script wants it: an array in BGR or RGB, a temporary file, or the bytes.

The request handler opens every posted body with `open_image` before the detector sees it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .codec import codec
from .image_header import ImageFormat, ImageHeader, UnreadableImage, read_header

SUFFIXES: dict[ImageFormat, str] = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "tiff": ".tif",
    "bmp": ".bmp",
}


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
            self._rgb = codec.swapped(self.bgr)
        return self._rgb

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
        TooManyPixels: larger than `max_pixels`, or than the library itself decodes.
        MemoryError: the pixels did not fit into memory.
    """
    header = read_header(data)
    _check_size(header, max_pixels)
    if header.refused:
        raise UnreadableImage(header.refused)
    if not header.complete:
        raise UnreadableImage(f"truncated: the {header.format.upper()} image ends before its last byte")
    pixels = codec.decode(data, header)
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
    limit = codec.limit("PIXELS")
    if width * height > limit:
        raise TooManyPixels(
            f"{size}, {width * height:,} pixels; this scorer's {codec.NAME} decodes at most {limit:,} "
            f"({codec.LIMIT_SETTING})"
        )
    side = min(_LONGEST_SIDE, codec.limit("WIDTH"), codec.limit("HEIGHT"))
    if max(width, height) > side:
        raise TooManyPixels(f"{size}; at most {side:,} px along one side are accepted")


_LONGEST_SIDE = 1_000_000  # libpng's; OpenCV's own is a little higher
