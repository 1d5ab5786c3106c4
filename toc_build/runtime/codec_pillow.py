"""Decoding and resizing with Pillow, to the pixels that OpenCV gives. `codec` takes it where that is missing.

The formats' own readers are called, not `Image.open`: it would load dozens of plugins, and guess the format
that the header has already told.
"""

from __future__ import annotations

import io
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from .image_header import ImageHeader, UnreadableImage, patched

NAME = "Pillow"
LIMIT_SETTING = "PIL.Image.MAX_IMAGE_PIXELS, half as many, in the scoring script"

# A broken upload, and one that is large, are the client's news and not the log's.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Of a colour with 16 bits Pillow hands out the upper byte alone. Read as if its bytes stood the other way
# round, the same file gives the lower one.
_NATIVE, _FOREIGN = ("16L", "16B") if sys.byteorder == "little" else ("16B", "16L")
_OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": _FOREIGN}


def decode(data: bytes, header: ImageHeader) -> NDArray[np.uint8]:
    """See `codec.Codec`."""
    if data[:4] == b"MM\0+":  # Pillow has never read one: it looks for the 43 in the wrong byte
        raise UnreadableImage("a BigTIFF in big-endian order is not accepted; save it in little-endian order")
    try:
        pixels = _pixels(patched(data, header.patches + header.for_pillow), header)
    except MemoryError:
        raise MemoryError(f"no memory for {header.width} x {header.height} pixels") from None
    except Exception:  # noqa: BLE001 - Pillow's parsers raise whatever they stumble over
        raise UnreadableImage(
            f"the {header.format.upper()} image is broken: its data cannot be decoded"
        ) from None
    return np.array(_turned(pixels, header.orientation), order="C")


def swapped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """See `codec.Codec`."""
    return np.ascontiguousarray(pixels[..., ::-1])


def resized(image: NDArray[Any], width: int, height: int, *, shrink: bool) -> NDArray[Any]:
    """See `codec.Codec`; anything but bytes is resized as 32-bit floats."""
    # Of Pillow's filters Hamming's comes nearest to OpenCV's INTER_AREA: half a grey level on photographs.
    # BOX takes or leaves whole pixels: up to six times as far off where the ratio is no whole number.
    way = Image.Resampling.HAMMING if shrink else Image.Resampling.BILINEAR
    if image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2] == 3):
        return np.asarray(Image.fromarray(image).resize((width, height), way))
    channels = image.reshape(*image.shape[:2], -1)
    result = np.empty((height, width, channels.shape[2]), image.dtype)
    for number in range(channels.shape[2]):
        plane = Image.fromarray(channels[..., number].astype(np.float32)).resize((width, height), way)
        values = np.asarray(plane)
        result[..., number] = np.rint(values) if np.issubdtype(image.dtype, np.integer) else values
    return result.reshape(height, width, *image.shape[2:])


def limit(name: str) -> int:
    """See `codec.Codec`; Pillow has a limit for the whole only."""
    most = Image.MAX_IMAGE_PIXELS if name == "PIXELS" else None
    return sys.maxsize if most is None else 2 * most


def _pixels(data: bytes | bytearray, header: ImageHeader) -> NDArray[Any]:
    """Blue first, as stored: not turned yet; it may not be yours to write into."""
    image = _opened(data, header)
    raw = _raw_mode(image)
    if raw == "LA;16B":  # a PNG's grey with alpha: 4 bytes a pixel, which "RGBA" hands out as they are
        _set_raw_mode(image, "RGBA")
        four = np.asarray(image)
        return _from_16_bits(four[..., 0], four[..., 1])
    if image.mode.startswith("I"):
        return _from_wide(np.asarray(image), inverted=header.inverted)
    if raw[-3:] in _OTHER_BYTE:
        lower = _opened(data, header)
        _set_raw_mode(lower, raw[:-3] + _OTHER_BYTE[raw[-3:]])
        high, low = (np.asarray(part)[..., 2::-1] for part in (image, lower))
        return _from_16_bits(high, low)
    image.load()
    image.info.pop("transparency", None)  # dropped like any alpha; Pillow would look for a colour for it
    colour: Image.Image = image if image.mode == "RGB" else image.convert("RGB")
    pixels = np.frombuffer(colour.tobytes("raw", "BGR"), np.uint8)
    return pixels.reshape(colour.height, colour.width, 3)


def _opened(data: bytes | bytearray, header: ImageHeader) -> ImageFile:
    """The image, not decoded yet, and of the size that the header was checked for."""
    file = io.BytesIO(data)
    image: ImageFile
    if header.format == "jpeg":
        image = JpegImageFile(file)
    elif header.format == "png":
        image = PngImageFile(file)
    elif header.format == "bmp":
        image = BmpImageFile(file)
    elif header.format == "webp":
        from PIL.WebPImagePlugin import WebPImageFile

        image = WebPImageFile(file)
    else:
        from PIL.TiffImagePlugin import TiffImageFile

        image = TiffImageFile(file)
    stored = (header.width, header.height)
    if image.size != (stored[::-1] if header.orientation >= 5 else stored):
        raise ValueError("the size is not the header's")
    return image


def _raw_mode(image: ImageFile) -> str:
    """How the file stores its samples, in Pillow's terms such as `RGB;16B`; empty where it does not say."""
    for tile in image.tile[:1]:
        arguments = tile[3]
        if isinstance(arguments, str):
            return arguments
        if arguments and isinstance(arguments[0], str):
            return str(arguments[0])
    return ""


def _set_raw_mode(image: ImageFile, raw: str) -> None:
    tiles: list[Any] = list(image.tile)
    for number, tile in enumerate(tiles):
        codec_name, extents, offset, arguments = tile
        arguments = raw if isinstance(arguments, str) else (raw, *arguments[1:])
        whole = (codec_name, extents, offset, arguments)
        # A plain tuple before Pillow 11, a named one since.
        tiles[number] = whole if type(tile) is tuple else type(tile)(*whole)
    image.tile = tiles


def _from_16_bits(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return _from_wide(high.astype(np.uint16) << 8 | low)


def _from_wide(samples: NDArray[Any], *, inverted: bool = False) -> NDArray[np.uint8]:
    """16-bit samples as bytes: divided by 257 and rounded; one channel becomes three."""
    narrow = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if inverted:
        narrow = ~narrow
    if narrow.ndim == 2:
        return np.broadcast_to(narrow[..., np.newaxis], (*narrow.shape, 3))
    return narrow


def _turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Applies an EXIF orientation; a view."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    across = orientation in (2, 3, 6, 7)
    down = orientation in (3, 4, 7, 8)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]
