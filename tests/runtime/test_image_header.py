from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.runtime_images import encode, every_format, exif, scene, tiff

from toc_build.runtime.image_header import (
    MAX_PARTS,
    MAX_SCANS,
    UnreadableImage,
    exif_orientation,
    read_header,
)

IMAGES = every_format()


@pytest.mark.parametrize("name", IMAGES)
def test_size_format_and_orientation_are_read(name):
    header = read_header(IMAGES[name])
    expected = {"jpeg": 6, "png": 3, "webp-extended": 8, "tiff": 5}.get(name, 1)
    assert header.orientation == expected
    assert (header.width, header.height) == ((60, 40) if expected < 5 else (40, 60))
    assert header.format == name.split("-")[0]
    assert header.complete
    assert header.refused is None


@pytest.mark.parametrize("name", IMAGES)
def test_bytes_after_the_end_are_allowed(name):
    assert read_header(IMAGES[name] + b"\0trailing \xff\xd9").complete


@pytest.mark.parametrize("name", IMAGES)
def test_every_truncation_is_seen(name):
    """No prefix of a file passes for the whole; a TIFF's is only whole when its pixels are."""
    data = IMAGES[name]
    step = max(1, len(data) // 400)
    for end in [*range(0, len(data) - 1, step), len(data) - 1]:
        try:
            header = read_header(data[:end])
        except UnreadableImage:
            continue
        if name.startswith("tiff"):
            continue  # its directory lies behind the pixels; test_truncated_tiff has the other order
        assert not header.complete, f"{end} of {len(data)} bytes"


def test_truncated_tiff():
    data = encode(scene(), "tiff")  # Pillow writes the directory first
    assert read_header(data).complete
    assert not read_header(data[:-1]).complete
    assert not read_header(data[: len(data) // 2]).complete
    with pytest.raises(UnreadableImage, match="truncated"):
        read_header(IMAGES["tiff-64-bit"][:-200])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
def test_orientation(kind, orientation):
    header = read_header(encode(scene(), kind, exif=exif(orientation)))
    assert header.orientation == orientation
    assert (header.width, header.height) == ((60, 40) if orientation < 5 else (40, 60))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"", 1),
        (b"II*\0", 1),
        (b"II*\0\x08\0\0\0\x01\0", 1),
        (b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0), 6),
        (b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, 8, 0), 8),
        (b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 4, 1, 3), 3),
        (b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 9, 0), 1),
        (b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 2, 1, 6, 0), 1),
        (b"II*\0\xff\xff\xff\xff", 1),
    ],
)
def test_exif_block(block, expected):
    assert exif_orientation(block) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an image in a known format; post the bytes of a JPEG, PNG, WebP, TIFF or BMP"),
        (b"\0\1\2\3" * 10, "not an image in a known format"),
        (b"hello world", "the body is text"),
        (b'{"data": "..."}', "the body is JSON"),
        (b"<!doctype html><html>", "HTML or XML"),
        (b"GIF89a" + bytes(100), "GIF is not accepted; post the bytes of a JPEG"),
        (b"\0\0\0\x1cftypavif" + bytes(40), "AVIF"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"\0\0\0\x18ftypisom" + bytes(40), "video"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"%PDF-1.7", "PDF"),
        (b"/9j/4AAQSkZJRg==", "base64"),
        (b"data:image/png;base64,", "data URL"),
        (b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n\xff\xd8', "multipart form.*--data-binary"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\xff\xd8\xff\xd9", "no picture"),
        (b"\xff\xd8\xff\xe0\0\0", "segment shorter"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI" + bytes(40), "Apple"),
        (b"RIFF\x10\0\0\0WEBP", "truncated"),
        (b"RIFF\x10\0\0\0WEBPVP9 " + bytes(40), "unknown chunk"),
        (b"RIFF\x40\0\0\0WEBPVP8 " + bytes(40), "key frame"),
        (b"RIFF\x40\0\0\0WEBPVP8L" + bytes(40), "signature"),
        (b"BM", "truncated"),
        (b"BM" + bytes(60), "unknown header of 0 bytes"),
        (b"II*\0", "truncated"),
        (b"II*\0\x08\0\0\0\0\0", "width and height"),
        (b"II*\0\x08\0\0\0\xff\xff" + bytes(100), "65535 fields"),
        (b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63) + bytes(100), "truncated"),
    ],
)
def test_what_it_is_instead(data, message):
    with pytest.raises(UnreadableImage, match=message):
        read_header(data)


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return start + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        _png(0, 5),
        _png(5, 0),
        _png(2**31, 5),
        IMAGES["bmp"][:18] + struct.pack("<ii", -60, 40) + IMAGES["bmp"][26:],
        IMAGES["bmp"][:18] + struct.pack("<ii", 60, 0) + IMAGES["bmp"][26:],
        IMAGES["bmp"][:18] + struct.pack("<ii", 60, -(2**31)) + IMAGES["bmp"][26:],
        tiff(scene(), photometric=2, tags={256: (4, [0])}),
        tiff(scene(), photometric=2, tags={257: (4, [2**32 - 1])}),
    ],
)
def test_absurd_sizes(data):
    with pytest.raises(UnreadableImage, match="gives the size"):
        read_header(data)


def test_a_bomb_is_read_from_its_header():
    header = read_header(_png(60_000, 50_000))
    assert (header.width, header.height) == (60_000, 50_000)


def test_thumbnail_in_exif_is_not_taken_for_the_image():
    thumbnail = encode(scene(8, 8), "jpeg")
    body = b"Exif\0\0" + thumbnail
    data = encode(scene(), "jpeg")
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    assert (read_header(data).width, read_header(data).height) == (60, 40)
    assert not read_header(data[:-2]).complete


def test_parts_without_end_are_refused():
    for data in (
        b"\xff\xd8" + b"\xff\xe0\0\x02" * (MAX_PARTS + 1),
        _png(5, 5)[:33] + struct.pack(">I4sI", 0, b"tEXt", 0) * (MAX_PARTS + 1),
        b"RIFF\xff\xff\xff\x7fWEBP" + b"VP8X\x0a\0\0\0" + bytes(10) + b"ABCD\0\0\0\0" * (MAX_PARTS + 1),
    ):
        with pytest.raises(UnreadableImage, match="more than 100000"):
            read_header(data)


def test_scans_without_end_are_refused():
    data = IMAGES["jpeg-progressive"]
    at = data.index(b"\xff\xda")
    length = struct.unpack_from(">H", data, at + 2)[0]
    scan = data[at : at + 2 + length] + b"\0"
    with pytest.raises(UnreadableImage, match="scans"):
        read_header(data[:at] + scan * (MAX_SCANS + 1) + b"\xff\xd9")
    assert read_header(data[:at] + scan * MAX_SCANS + b"\xff\xd9").complete


def test_tiff_blocks_beyond_the_file_are_incomplete():
    far = {273: (4, [2**32 - 1])}
    assert not read_header(tiff(scene(), photometric=2, tags=far)).complete
    assert not read_header(tiff(scene(), photometric=2, tags={279: (4, [2**32 - 1])})).complete
    assert not read_header(tiff(scene(), photometric=2, big=True, tags={273: (16, [2**64 - 1])})).complete
    assert not read_header(tiff(scene(), photometric=2, big=True, tags={279: (16, [2**64 - 1])})).complete


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(scene().astype(np.float32), photometric=2, tags={339: (3, [3, 3, 3])}), "floating-point"),
        (tiff(scene().astype(np.int16), photometric=2, tags={339: (3, [2, 2, 2])}), "signed"),
        (tiff(scene().astype(np.uint32), photometric=2), "32 bits"),
        (tiff(scene(), photometric=8), "colour space 8"),
        (tiff(scene().astype(np.uint16), photometric=2, planar=2), "stored apart"),
        (tiff(scene().astype(np.uint16), photometric=6), "RGB or grey only"),
    ],
)
def test_tiffs_that_would_come_out_wrong_are_refused(data, reason):
    assert reason in (read_header(data).refused or "")


def test_animated_webp_is_refused():
    frames = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    out = io.BytesIO()
    frames[0].save(out, "webp", save_all=True, append_images=frames[1:])
    assert "animated" in (read_header(out.getvalue()).refused or "")


def _reads_or_refuses(data: bytes) -> None:
    try:
        header = read_header(data)
    except UnreadableImage:
        return
    else:
        assert 0 < header.width < 2**31
        assert 0 < header.height < 2**31
        assert 1 <= header.orientation <= 8


@given(st.binary(max_size=300), st.sampled_from([b"", *(data[:12] for data in IMAGES.values())]))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes(data, start):
    _reads_or_refuses(start + data)


@given(
    st.sampled_from(sorted(IMAGES)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
    st.floats(0, 1),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_mutated_images(name, changes, cut, near_the_start):
    data = bytearray(IMAGES[name])
    reach = min(len(data), 200) if near_the_start else len(data)
    for where, what in changes:
        at = int(where * reach)
        data[at : at + len(what)] = what
    _reads_or_refuses(bytes(data[: int(len(data) * cut)]))
    _reads_or_refuses(bytes(data))


@given(
    st.integers(0, 2000),
    st.sampled_from(["tiff", "tiff-64-bit", "tiff-tiles", "tiff-big-endian"]),
    st.binary(max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_mutated_tiff_directories(back, name, what):
    data = bytearray(IMAGES[name])
    at = max(0, len(data) - back)
    data[at : at + len(what)] = what
    _reads_or_refuses(bytes(data))
