"""Images for the runtime's tests: one scene in every format, and TIFFs that no library writes."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image, ImageOps


def scene(width: int = 60, height: int = 40) -> np.ndarray:
    """height x width x 3 uint8 RGB: every corner differs, so that a turned or mirrored one shows."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)]
    return np.stack(channels, -1).astype(np.uint8)


def alpha(width: int = 60, height: int = 40) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return ((x * 3 + y * 2) % 256).astype(np.uint8)


def encode(pixels: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    image = pixels.copy() if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if kind == "webp":
        options.setdefault("lossless", True)
    if kind == "jpeg":
        options.setdefault("quality", 95)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def as_pillow_shows(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def tiff(
    pixels: np.ndarray,
    *,
    photometric: int,
    order: str = "<",
    big: bool = False,
    planar: int = 1,
    tile: int | None = None,
    rows: int | None = None,
    tags: dict[int, tuple[int, list[int]]] | None = None,
) -> bytes:
    """An uncompressed TIFF from height x width x channels; `tags`: tag -> (type, values)."""
    height, width, channels = pixels.shape
    pixels = pixels.astype(pixels.dtype.newbyteorder(order))
    planes = [pixels] if planar == 1 else [pixels[..., i : i + 1] for i in range(channels)]
    blocks = []
    for plane in planes:
        if tile:
            for y in range(0, height, tile):
                for x in range(0, width, tile):
                    block = np.zeros((tile, tile, plane.shape[2]), pixels.dtype)
                    part = plane[y : y + tile, x : x + tile]
                    block[: part.shape[0], : part.shape[1]] = part
                    blocks.append(block.tobytes())
        else:
            step = rows or height
            blocks += [plane[y : y + step].tobytes() for y in range(0, height, step)]
    head, inline, entry = (16, 8, 20) if big else (8, 4, 12)
    offsets, position = [], head
    for block in blocks:
        offsets.append(position)
        position += len(block)
    lengths = [len(block) for block in blocks]
    fields = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [pixels.dtype.itemsize * 8] * channels),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [channels]),
        284: (3, [planar]),
    }
    if tile:
        fields |= {322: (4, [tile]), 323: (4, [tile]), 324: (4, offsets), 325: (4, lengths)}
    else:
        fields |= {278: (4, [rows or height]), 273: (4, offsets), 279: (4, lengths)}
    fields |= tags or {}
    letters = {3: "H", 4: "I", 16: "Q"}
    wide = "Q" if big else "I"
    directory = struct.pack(order + ("Q" if big else "H"), len(fields))
    after = position + len(directory) + entry * len(fields) + inline
    overflow = b""
    for tag in sorted(fields):
        kind, values = fields[tag]
        packed = struct.pack(order + letters[kind] * len(values), *values)
        if len(packed) <= inline:
            place = packed.ljust(inline, b"\0")
        else:
            place = struct.pack(order + wide, after + len(overflow))
            overflow += packed + b"\0" * (len(packed) % 2)
        directory += struct.pack(order + "HH" + wide, tag, kind, len(values)) + place
    directory += b"\0" * inline
    mark = b"II" if order == "<" else b"MM"
    first = (
        struct.pack(order + "HHHQ", 43, 8, 0, position) if big else struct.pack(order + "HI", 42, position)
    )
    return mark + first + b"".join(blocks) + directory + overflow


def every_format() -> dict[str, bytes]:
    """A whole small image in every way a format has of giving its size."""
    rgb = scene()
    grey = rgb[..., :1]
    return {
        "jpeg": encode(rgb, "jpeg", exif=exif(6)),
        "jpeg-progressive": encode(rgb, "jpeg", progressive=True),
        "png": encode(rgb, "png", exif=exif(3)),
        "webp-lossless": encode(rgb, "webp"),
        "webp-lossy": encode(rgb, "webp", lossless=False),
        "webp-extended": encode(np.dstack([rgb, alpha()]), "webp", exif=exif(8)),
        "tiff": tiff(rgb, photometric=2, rows=7, tags={274: (3, [5])}),
        "tiff-big-endian": tiff(grey, photometric=1, order=">"),
        "tiff-tiles": tiff(rgb, photometric=2, tile=32),
        "tiff-64-bit": tiff(rgb, photometric=2, big=True),
        "tiff-lzw": encode(rgb, "tiff", compression="tiff_lzw"),
        "bmp": encode(rgb, "bmp"),
        "bmp-palette": encode(Image.fromarray(rgb).quantize(16), "bmp"),
        "bmp-top-down": top_down_bmp(rgb),
        "bmp-os2": core_bmp(rgb),
    }


def top_down_bmp(rgb: np.ndarray) -> bytes:
    height, width = rgb.shape[:2]
    pixels = _bmp_rows(rgb)
    head = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels


def core_bmp(rgb: np.ndarray) -> bytes:
    height, width = rgb.shape[:2]
    pixels = _bmp_rows(rgb[::-1])
    head = struct.pack("<IHHHH", 12, width, height, 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + head + pixels


def _bmp_rows(rgb: np.ndarray) -> bytes:
    padding = b"\0" * (-3 * rgb.shape[1] % 4)
    return b"".join(row[:, ::-1].tobytes() + padding for row in rgb)
