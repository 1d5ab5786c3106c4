"""Reads the size of a posted image from its header, without decoding a pixel.

`open_image` calls it, so that an image that is too large, cut short or not an image at all is refused before
a decoder sees it. Written for hostile bytes: time grows with the length of the body and no faster.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Literal

ImageFormat = Literal["jpeg", "png", "webp", "tiff", "bmp"]
ACCEPTED = "post the bytes of a JPEG, PNG, WebP, TIFF or BMP image"

# More parts than any writer makes, few enough to walk in a fraction of a second.
MAX_PARTS = 100_000
# A progressive JPEG has about ten scans. Each one costs a pass over the whole picture, so a small file with
# thousands of them keeps a decoder busy for minutes.
MAX_SCANS = 100
MAX_SIDE = 2**31 - 1


class UnreadableImage(ValueError):  # noqa: N818 - a name of the public API
    """The posted bytes are not a whole image in an accepted format; the message is fit for the client."""


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image says.

    Attributes:
        format: the file format.
        width: in pixels as displayed, after `orientation` is applied.
        height: in pixels as displayed.
        orientation: EXIF orientation, 1 (upright) to 8.
        complete: whether the file reaches its own end; bytes after that end are allowed.
        refused: why the pixels cannot be decoded faithfully, or None.
        inverted: whether 16-bit samples count from white (decoders hand them out as they are stored).
        patches: (position, bytes) to overwrite in a copy before it is decoded; see `patched`.
        for_pillow: more of them, which only Pillow needs.
    """

    format: ImageFormat
    width: int
    height: int
    orientation: int = 1
    complete: bool = True
    refused: str | None = None
    inverted: bool = False
    patches: tuple[tuple[int, bytes], ...] = ()
    for_pillow: tuple[tuple[int, bytes], ...] = ()


def read_header(data: bytes) -> ImageHeader:
    """Reads format, size, orientation and completeness.

    Args:
        data: the whole posted body.

    Raises:
        UnreadableImage: the bytes are not one of the accepted formats, end inside the header, or give a width
            or
            height that no image has.
    """
    try:
        if data[:2] == b"\xff\xd8":
            return _read_jpeg(data)
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return _read_png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _read_webp(data)
        if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            from .tiff_header import read_tiff

            return read_tiff(data)
        if data[:2] == b"BM":
            return _read_bmp(data)
    except struct.error:  # a field was asked for that the file is too short for
        raise UnreadableImage("truncated: the image ends inside its header") from None
    raise UnreadableImage(f"{_describe(data)}; {ACCEPTED}")


def displayed(
    format: ImageFormat,  # noqa: A002 - the attribute's name
    width: int,
    height: int,
    orientation: int = 1,
    *,
    complete: bool = True,
    refused: str | None = None,
    inverted: bool = False,
    patches: tuple[tuple[int, bytes], ...] = (),
    for_pillow: tuple[tuple[int, bytes], ...] = (),
) -> ImageHeader:
    """An `ImageHeader` from the stored size: sides are checked, and swapped where the orientation turns them.

    Raises:
        UnreadableImage: a side is zero or absurd.
    """
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise UnreadableImage(f"the {format.upper()} header gives the size {width} x {height} px")
    if orientation >= 5:
        width, height = height, width
    return ImageHeader(format, width, height, orientation, complete, refused, inverted, patches, for_pillow)


def patched(data: bytes, patches: tuple[tuple[int, bytes], ...]) -> bytes | bytearray:
    """`data` as a decoder must see it: itself, or a copy with a header's patches."""
    if not patches:
        return data
    copy = bytearray(data)
    for at, patch in patches:
        copy[at : at + len(patch)] = patch
    return copy


def exif_orientation(block: bytes) -> int:
    """The orientation in an EXIF block (a little TIFF file); 1 when it holds none or is broken."""
    block = block[6:] if block[:6] == b"Exif\0\0" else block
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, amount = struct.unpack_from(order + "HHI", block, at)
            if tag == 0x0112:
                shape = {3: "H", 4: "I"}.get(kind, "")
                value = struct.unpack_from(order + shape, block, at + 8)[0] if shape and amount else 1
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


# Markers that begin a segment. 00 and FF are none, D0-D7 (restart), D8 and 01 have no length and are passed
# over: so one search goes past entropy-coded data as well. No repetition in the pattern, hence linear time.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _read_jpeg(data: bytes) -> ImageHeader:
    size: tuple[int, int] | None = None
    orientation: int | None = None
    scans = 0
    complete = False
    at = 2
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None:
            break
        at = found.end()
        marker = data[at - 1]
        if marker == 0xD9:
            complete = True
            break
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise UnreadableImage("the JPEG has a segment shorter than its own length field")
        if marker in _FRAMES:
            if size is not None:
                raise UnreadableImage("the JPEG has two frame headers")
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = width, height
        elif marker == 0xDA:
            scans += 1
            if scans > MAX_SCANS:
                raise UnreadableImage(f"the JPEG has more than {MAX_SCANS} scans")
        elif marker == 0xE1 and orientation is None and data[at + 2 : at + 8] == b"Exif\0\0":
            orientation = exif_orientation(data[at + 2 : at + length])
        at += length
    else:
        raise UnreadableImage(f"the JPEG has more than {MAX_PARTS} segments")
    if size is None or (complete and not scans):
        why = "it has no picture in it" if complete else "truncated: the JPEG ends before its size is given"
        raise UnreadableImage(f"the JPEG cannot be read: {why}" if complete else why)
    return displayed("jpeg", *size, orientation or 1, complete=complete)


def _read_png(data: bytes) -> ImageHeader:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        hint = " (Apple's own variant)" if kind == b"CgBI" else ""
        raise UnreadableImage(f"the PNG does not begin with its header{hint}")
    orientation: int | None = None
    complete = False
    at = 8
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            break
        if kind == b"IEND":
            complete = True
            break
        if kind == b"eXIf" and orientation is None:
            orientation = exif_orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
    else:
        raise UnreadableImage(f"the PNG has more than {MAX_PARTS} chunks")
    return displayed("png", width, height, orientation or 1, complete=complete)


def _read_webp(data: bytes) -> ImageHeader:
    (riff_length,) = struct.unpack_from("<I", data, 4)
    kind = data[12:16]
    end = 8 + riff_length
    complete = end <= len(data)
    if kind == b"VP8 ":
        if struct.unpack_from("3s", data, 23)[0] != b"\x9d\x01\x2a":
            raise UnreadableImage("the WebP does not begin with a key frame")
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
        return displayed("webp", width, height, complete=complete)
    if kind == b"VP8L":
        signature, bits = struct.unpack_from("<BI", data, 20)
        if signature != 0x2F:
            raise UnreadableImage("the lossless WebP has a wrong signature")
        return displayed("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, complete=complete)
    if kind != b"VP8X":
        struct.unpack_from("4s", data, 12)  # cut short is another message than a wrong chunk
        raise UnreadableImage(f"the WebP begins with an unknown chunk {kind!r}")
    flags, width_low, width_high, height_low, height_high = struct.unpack_from("<B3xHBHB", data, 20)
    width, height = 1 + width_low + (width_high << 16), 1 + height_low + (height_high << 16)
    orientation: int | None = None
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > min(end, len(data)):
            break
        chunk, length = struct.unpack_from("<4sI", data, at)
        if chunk == b"EXIF" and orientation is None:
            orientation = exif_orientation(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    else:
        raise UnreadableImage(f"the WebP has more than {MAX_PARTS} chunks")
    # OpenCV 4.10 cannot decode one, 5.0 gives the first frame: the same answer everywhere is to refuse.
    refused = "an animated WebP is not accepted; post one still image" if flags & 0x02 else None
    return displayed("webp", width, height, orientation or 1, complete=complete, refused=refused)


def _read_bmp(data: bytes) -> ImageHeader:
    file_length, pixels_at, header_length = struct.unpack_from("<I4xII", data, 2)
    compression = stored = 0
    if header_length == 12:  # OS/2
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif header_length >= 36:
        width, height, _, bits, compression, stored = struct.unpack_from("<iiHHII", data, 18)
        height = abs(height)  # negative: the first row is the upper one
    else:
        raise UnreadableImage(f"the BMP has an unknown header of {header_length} bytes")
    refused = None
    if compression in (1, 2):
        end = pixels_at + stored if stored else file_length
    else:
        end = pixels_at + (width * bits + 31) // 32 * 4 * height
        if compression not in (0, 3, 6):
            refused = f"a BMP with compression {compression} is not accepted"
    return displayed("bmp", width, height, complete=pixels_at < end <= len(data), refused=refused)


_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF is not accepted"),
    (4, b"ftypavi", "an AVIF image is not accepted"),
    (4, b"ftyphei", "a HEIC image is not accepted"),
    (4, b"ftyphev", "a HEIC image is not accepted"),
    (4, b"ftypmif1", "a HEIF image is not accepted"),
    (4, b"ftyp", "a video is not accepted"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image is not accepted"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image is not accepted"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image is not accepted"),
    (0, b"\xff\x0a", "a JPEG XL image is not accepted"),
    (0, b"%PDF", "a PDF is not accepted"),
    (0, b"8BPS", "a Photoshop file is not accepted"),
    (0, b"\x00\x00\x01\x00", "an icon file is not accepted"),
    (0, b"PK\x03\x04", "a ZIP file is not accepted"),
    (0, b"\x1f\x8b", "a gzip file is not accepted"),
    (0, b"data:", "the body is a data URL; send the decoded bytes"),
    (0, b"/9j/", "the body is base64 text; send the decoded bytes"),
    (0, b"iVBORw0KGgo", "the body is base64 text; send the decoded bytes"),
)


def _describe(data: bytes) -> str:
    """What a body in no accepted format is."""
    for at, magic, what in _OTHERS:
        if data[at : at + len(magic)] == magic:
            return what
    head = data[:1024]
    if head.startswith(b"--") and b"Content-Disposition" in head:
        return "the body is a multipart form, not the image itself (curl: --data-binary @image.jpg)"
    text = head.lstrip()
    if text[:1] in (b"{", b"["):
        return "the body is JSON, not an image"
    if text[:1] == b"<":
        return "the body is HTML or XML, not an image"
    if head and all(byte >= 0x20 or byte in b"\t\r\n\f" for byte in head):
        return "the body is text, not an image"
    return "the body is not an image in a known format"
