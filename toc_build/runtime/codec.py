"""Chooses what decodes and resizes images: OpenCV where it is installed, else Pillow. Once, at import.

`image` and `geometry` reach the pixels through `codec` alone. Only the chosen one is loaded: OpenCV costs a
scorer 130 MB of image and a good part of its start, so a scoring environment may have Pillow in its place.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from .image_header import ImageHeader


class Codec(Protocol):
    """What `codec_opencv` and `codec_pillow` both have.

    Attributes:
        NAME: the library's.
        LIMIT_SETTING: what raises the library's own limit of pixels.
    """

    NAME: str
    LIMIT_SETTING: str

    def decode(self, data: bytes, header: ImageHeader) -> NDArray[np.uint8]:
        """The pixels of an image whose header was read.

        Args:
            data: the whole file.
            header: what `read_header` says of it; its patches are not applied yet.

        Returns:
            height x width x 3, blue first, upright.

        Raises:
            UnreadableImage: the data is broken.
            MemoryError: the pixels did not fit into memory.
        """

    def swapped(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A C-contiguous copy of BGR pixels as RGB, or of RGB as BGR."""

    def resized(self, image: NDArray[Any], width: int, height: int, *, shrink: bool) -> NDArray[Any]:
        """`image` (height x width, or with channels) at another size, same dtype and channels.

        Args:
            image: what is resized.
            width: wanted, in pixels.
            height: wanted, in pixels.
            shrink: average the pixels that fall together; else interpolate linearly.
        """

    def limit(self, name: str) -> int:
        """The most that the library itself decodes, in pixels.

        Args:
            name: `PIXELS` in all, `WIDTH` or `HEIGHT`.
        """


def _choose() -> Codec:
    try:
        from . import codec_opencv
    except ModuleNotFoundError as error:
        if error.name != "cv2":  # OpenCV is there and lacks something itself: that is what must be told
            raise
    else:
        return cast("Codec", codec_opencv)
    try:
        from . import codec_pillow
    except ModuleNotFoundError as error:
        if error.name != "PIL":
            raise
        raise ImportError(
            "the scoring runtime decodes images with OpenCV or Pillow, and this environment has neither: add "
            "`opencv-python-headless>=4.10` or `pillow>=10.3` to conda.yml, then run `nox -s lock`."
        ) from None
    return cast("Codec", codec_pillow)


codec = _choose()
