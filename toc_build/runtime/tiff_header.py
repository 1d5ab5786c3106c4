"""The TIFF part of `image_header.read_header`: classic TIFF and BigTIFF, first page.

It also knows which TIFFs a decoder would take wrongly without saying so; those are refused.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from .image_header import ImageHeader, UnreadableImage, displayed

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION = 256, 257, 258, 262, 274
_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 324, 325
_PLANAR, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 284, 338, 339
_TAGS = {
    *(_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _PLANAR, _EXTRA_SAMPLES, _SAMPLE_FORMAT),
    *(_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS),
}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # TIFF's field type -> struct's letter
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
_CMYK, _YCBCR = 5, 6
_MAX_FIELDS = 4096


def read_tiff(data: bytes) -> ImageHeader:
    """The header of a TIFF's first page.

    Raises:
        UnreadableImage: the directory is not in the file, is broken, or lacks a size.
        struct.error: the file ends inside the directory; the caller says so.
    """
    fields = _Fields(data)
    width, height = fields.one(_WIDTH), fields.one(_HEIGHT)
    if width is None or height is None:
        raise UnreadableImage("the TIFF does not give its width and height")
    orientation = fields.one(_ORIENTATION) or 1
    if orientation > 8:
        orientation = 1
    patches = []
    # OpenCV and Pillow turn a TIFF whatever they are told. Written over, so that the turn is made once, by
    # us, for every format.
    if orientation != 1:
        patches.append(fields.overwrite(_ORIENTATION, 1))
    # 2 means "alpha not yet multiplied in": libtiff would multiply it in and darken the picture. 1 means
    # "multiplied in": Pillow would divide by it. 0 leaves the colours as they are.
    if fields.one(_EXTRA_SAMPLES) in (1, 2):
        patches.append(fields.overwrite(_EXTRA_SAMPLES, 0))
    # Of grey with alpha Pillow knew before its version 13 none but this kind, whose colours it leaves alone.
    grey = fields.one(_PHOTOMETRIC) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
    for_pillow = (fields.overwrite(_EXTRA_SAMPLES, 2),) if grey and _EXTRA_SAMPLES in fields else ()
    # Neither decoder turns 16 bits that count from white round, and Pillow does not know them in every order
    # of bytes: they are decoded as if they counted from black, and inverted afterwards.
    inverted = fields.one(_PHOTOMETRIC) == _WHITE_IS_ZERO and fields.one(_BITS) == 16
    if inverted:
        patches.append(fields.overwrite(_PHOTOMETRIC, _BLACK_IS_ZERO))
    return displayed(
        "tiff",
        width,
        height,
        orientation,
        complete=_complete(fields),
        refused=_refused(fields),
        inverted=inverted,
        patches=tuple(patches),
        for_pillow=for_pillow,
    )


def _complete(fields: _Fields) -> bool:
    """Whether every strip or tile lies within the file."""
    tiled = _TILE_OFFSETS in fields
    offsets = fields.array(_TILE_OFFSETS if tiled else _STRIP_OFFSETS)
    lengths = fields.array(_TILE_LENGTHS if tiled else _STRIP_LENGTHS)
    if offsets is None or not offsets.size:
        return False
    end = np.uint64(len(fields.data))
    if bool((offsets >= end).any()):
        return False
    if lengths is None:  # very old files leave them out
        return True
    return lengths.size == offsets.size and not bool((lengths > end - offsets).any())


def _refused(fields: _Fields) -> str | None:
    """Why the page's pixels would come out wrong, or None."""
    bits = fields.one(_BITS) or 1
    photometric = fields.one(_PHOTOMETRIC)
    if (fields.one(_SAMPLE_FORMAT) or 1) not in (1, 4):
        return "a TIFF with signed or floating-point samples is not accepted; save it with 8 or 16 bits"
    if bits not in (1, 2, 4, 8, 16):
        return f"a TIFF with {bits} bits a sample is not accepted; save it with 8 or 16 bits"
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR):
        return f"a TIFF with colour space {photometric} is not accepted; save it as RGB or grey"
    if bits == 16 and photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        return "a 16-bit TIFF is accepted as RGB or grey only; save it with 8 bits"
    if bits == 16 and fields.one(_PLANAR) == 2:
        return "a 16-bit TIFF with its colours stored apart is not accepted; save it with 8 bits"
    return None


class _Fields:
    """The wanted fields of the first directory: tag -> type, number of values, position of the first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self._places: dict[int, tuple[int, int, int]] = {}
        big = b"+" in data[2:4]
        if big:
            (start,) = self._unpack("Q", 8)
            (count,) = self._unpack("Q", start) if start < len(data) else (0,)
            first, entry, shape, inline = start + 8, 20, "HHQ", 8
        else:
            (start,) = self._unpack("I", 4)
            (count,) = self._unpack("H", start) if start < len(data) else (0,)
            first, entry, shape, inline = start + 2, 12, "HHI", 4
        if start >= len(data):
            raise UnreadableImage("truncated: the TIFF's directory lies beyond its end")
        if count > _MAX_FIELDS:
            raise UnreadableImage(f"the TIFF's directory has {count} fields")
        for index in range(count):
            at = first + index * entry
            tag, kind, amount = self._unpack(shape, at)
            if tag not in _TAGS or kind not in _INTEGERS or not amount or tag in self._places:
                continue  # libtiff, too, takes the first of two fields with one tag
            at += entry - inline
            if amount * struct.calcsize("=" + _INTEGERS[kind]) > inline:
                (at,) = self._unpack("Q" if big else "I", at)
            self._places[tag] = (kind, amount, at)

    def __contains__(self, tag: int) -> bool:
        return tag in self._places

    def one(self, tag: int) -> int | None:
        """The field's first value."""
        if tag not in self._places:
            return None
        kind, _, at = self._places[tag]
        if at >= len(self.data):
            raise UnreadableImage("truncated: a field of the TIFF lies beyond its end")
        return int(self._unpack(_INTEGERS[kind], at)[0])

    def array(self, tag: int) -> np.ndarray[Any, np.dtype[np.uint64]] | None:
        """All values of the field as uint64; empty when they do not lie within the file."""
        if tag not in self._places:
            return None
        kind, amount, at = self._places[tag]
        item = np.dtype(_INTEGERS[kind].replace("Q", "u8").replace("I", "u4").replace("H", "u2"))
        if at + amount * item.itemsize > len(self.data):
            return np.empty(0, np.uint64)
        values = np.frombuffer(self.data, item.newbyteorder(self.order), amount, at)  # type: ignore[arg-type]
        return values.astype(np.uint64)

    def overwrite(self, tag: int, value: int) -> tuple[int, bytes]:
        """The patch that gives the field's first value anew."""
        kind, _, at = self._places[tag]
        return at, struct.pack(self.order + _INTEGERS[kind], value)

    def _unpack(self, shape: str, at: int) -> tuple[Any, ...]:
        if at > len(self.data):  # also keeps offsets of 64 bits away from struct
            raise struct.error("beyond the end")
        return struct.unpack_from(self.order + shape, self.data, at)
