"""The request images: one small picture in every format a scorer must read, and the bodies it must refuse.

`cases` posts them. Everything is made from one picture with OpenCV; what OpenCV cannot write (CMYK, EXIF,
false headers) is put together from the bytes it can write.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from toc_build.contract.samples import Sample
from toc_build.runtime import UnreadableImage, open_image

# No side of the picture is longer: a dozen of them are scored, and a sample is posted as it is anyway.
LONGEST_SIDE = 512

#: A complete GIF of one pixel: an image, but of no format that a scorer reads.
GIF = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"
)
TEXT = "A picture says more than these words, but these words are no picture. äöü\n".encode()

_JPEG_SIDE_LIMIT = 65500


@dataclass(frozen=True, eq=False)
class Picture:
    """What the format cases post in every format.

    Attributes:
        bgr: height x width x 3, uint8.
        origin: where it is from, for reasons: `sample bridge` or `a generated picture`.
    """

    bgr: np.ndarray
    origin: str

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.bgr.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.bgr.shape[0])


@dataclass(frozen=True)
class Variant:
    """One way to write the picture down.

    Attributes:
        name: such as `webp`.
        data: the body to post.
        exact: whether decoding gives the picture's very pixels, so that detections must be equal, not only
            alike.
    """

    name: str
    data: bytes
    exact: bool


def choose_picture(samples: Sequence[Sample]) -> Picture:
    """The smallest sample, if possible with expected detections, shrunk; else a generated picture."""
    decoded = ((sample, _decoded(sample)) for sample in sorted(samples, key=_preference))
    sample, bgr = next((found for found in decoded if found[1] is not None), (None, None))
    if sample is None or bgr is None:
        return Picture(generated_picture(), "a generated picture")
    ratio = LONGEST_SIDE / max(bgr.shape[:2])
    if ratio < 1:
        size = max(1, round(bgr.shape[1] * ratio)), max(1, round(bgr.shape[0] * ratio))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return Picture(np.ascontiguousarray(bgr), f"sample {sample.name}")


def _preference(sample: Sample) -> tuple[bool, int]:
    return not sample.expected, sample.width * sample.height


def _decoded(sample: Sample) -> np.ndarray | None:
    """The sample's pixels, BGR; None when its data are broken, which its own case will tell."""
    try:
        return open_image(sample.read(), max_pixels=sample.width * sample.height).bgr
    except UnreadableImage:
        return None


def generated_picture(width: int = 320, height: int = 240) -> np.ndarray:
    """Bright blobs in plain colours on a dark slope: height x width x 3, BGR, uint8; the same every time."""
    slope = np.linspace(8, 40, width, dtype=np.float32)[None, :, None]
    bgr = np.repeat(np.repeat(slope, height, axis=0), 3, axis=2).astype(np.uint8)
    blobs = [
        ((0.20, 0.25), (0, 0, 255)),
        ((0.60, 0.22), (0, 255, 0)),
        ((0.80, 0.70), (255, 0, 0)),
        ((0.33, 0.75), (255, 255, 255)),
    ]
    for place, ((x, y), colour) in enumerate(blobs):
        axes = (round(width * (0.06 + 0.01 * place)), round(height * (0.10 - 0.01 * place)))
        cv2.ellipse(bgr, (round(width * x), round(height * y)), axes, 0, 0, 360, colour, thickness=-1)
    return bgr


def png(pixels: np.ndarray) -> bytes:
    """Lossless PNG, quick rather than small, of height x width[ x channels], uint8 or uint16."""
    return _encode(".png", pixels, cv2.IMWRITE_PNG_COMPRESSION, 1)


def jpeg(pixels: np.ndarray) -> bytes:
    """JPEG with the least loss: quality 98, full colour resolution."""
    return _encode(
        ".jpg",
        pixels,
        cv2.IMWRITE_JPEG_QUALITY,
        98,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    )


def colour_variants(bgr: np.ndarray) -> list[Variant]:
    """The picture in every format and depth that keeps its colours; `bgr` is height x width x 3, uint8."""
    height, width = bgr.shape[:2]
    # Opaque, half transparent and, in the last rows, wholly transparent: a viewer that drops alpha shows the
    # picture unchanged.
    alpha = np.repeat(np.linspace(255, 0, height).astype(np.uint8)[:, None], width, axis=1)
    return [
        Variant("jpeg", jpeg(bgr), exact=False),
        Variant(
            "webp", _encode(".webp", bgr, cv2.IMWRITE_WEBP_QUALITY, 101), exact=True
        ),  # above 100: lossless
        Variant("tiff", _encode(".tiff", bgr), exact=True),
        Variant("bmp", _encode(".bmp", bgr), exact=True),
        Variant("png-16-bit", png(bgr.astype(np.uint16) * 257), exact=True),
        Variant("png-alpha", png(np.dstack([bgr, alpha])), exact=True),
        Variant("jpeg-cmyk", cmyk_jpeg(bgr), exact=False),
    ]


def rotated_jpeg(bgr: np.ndarray) -> bytes:
    """A JPEG whose pixels lie on their side and whose EXIF orientation, 6, says so: as phones write it."""
    return with_orientation(jpeg(cv2.rotate(bgr, cv2.ROTATE_90_COUNTERCLOCKWISE)), 6)


def with_orientation(data: bytes, orientation: int) -> bytes:
    """`data`, a JPEG, with an EXIF segment that gives the orientation (1 to 8)."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"MM\x00\x2a" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    payload = b"Exif\x00\x00" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def cmyk_jpeg(bgr: np.ndarray) -> bytes:
    """A CMYK JPEG as Adobe programs write it (inverted inks), with as much black as the picture allows.

    OpenCV writes grey JPEGs only in one channel; four of them share their tables, so their scans are put one
    after another under one frame header with four components, which baseline JPEG allows.
    """
    black = np.maximum(bgr.max(axis=2), 32).astype(np.float32)
    inks = [
        np.clip(bgr[:, :, channel] * 255.0 / black, 0, 255).round().astype(np.uint8) for channel in (2, 1, 0)
    ]
    planes = [_jpeg_parts(jpeg(np.ascontiguousarray(plane))) for plane in (*inks, black.astype(np.uint8))]
    tables, _ = planes[0]
    height, width = bgr.shape[:2]
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3, 4))
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 8 + len(components), 8, height, width, 4) + components
    scans = [
        b"\xff\xda\x00\x08\x01" + bytes([number, 0]) + b"\x00\x3f\x00" + scan
        for number, (_, scan) in enumerate(planes, start=1)
    ]
    return b"\xff\xd8" + adobe + tables + frame + b"".join(scans) + b"\xff\xd9"


def truncated(data: bytes) -> bytes:
    """The first 60 % of an image: its header is whole, its pixels are not."""
    return data[: len(data) * 6 // 10]


def random_bytes(size: int = 4096) -> bytes:
    """Noise that is no image, the same every time."""
    return b"\x00" + random.Random(20).randbytes(size - 1)  # noqa: S311 - nothing secret


def png_bomb(max_pixels: int) -> bytes:
    """A PNG of a few hundred bytes whose header claims 30000 x 30000 pixels, or more if those are allowed.

    Its data end after the first rows, so a decoder that believes the header asks for the memory but never
    fills it.
    """
    side = 30000
    while side * side <= max_pixels:
        side *= 2
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\x00" * (1 + side * 3))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def jpeg_bomb(max_pixels: int) -> bytes | None:
    """A JPEG of a few hundred bytes that claims a little more than `max_pixels`; None where it cannot.

    Decoders fill a JPEG that ends too early with grey, so this one claims no more than it must: it is to be
    refused, not to harm.
    """
    side = int((max_pixels * 1.05) ** 0.5) + 1
    if side > _JPEG_SIDE_LIMIT:
        return None
    data = bytearray(jpeg(np.zeros((8, 8, 3), dtype=np.uint8)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(data)


def _jpeg_parts(data: bytes) -> tuple[bytes, bytes]:
    """The quantisation and Huffman tables of a grey baseline JPEG, and the data of its scan."""
    tables = b""
    position = 2
    while True:
        marker, length = data[position + 1], struct.unpack(">H", data[position + 2 : position + 4])[0]
        segment = data[position : position + 2 + length]
        position += 2 + length
        if marker in (0xDB, 0xC4):
            tables += segment
        elif marker == 0xDA:
            return tables, data[position : data.rindex(b"\xff\xd9")]


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def _encode(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    _, encoded = cv2.imencode(suffix, pixels, list(options))
    return encoded.tobytes()
