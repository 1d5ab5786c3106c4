from __future__ import annotations

import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from support.runtime_images import alpha, encode, every_format, scene, tiff

from toc_build.runtime import UnreadableImage, codec_opencv, codec_pillow, read_header

IMAGES = every_format()
RGB = scene(width=61)  # an odd side shows rows that are cut wrongly
WIDE = np.random.default_rng(3).integers(0, 65536, (40, 61, 4), dtype=np.uint16)


def both(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    header = read_header(data)
    return codec_opencv.decode(data, header), codec_pillow.decode(data, header)


@pytest.mark.parametrize("name", IMAGES)
def test_the_same_pixels_as_with_opencv(name):
    opencv, pillow = both(IMAGES[name])
    assert pillow.dtype == np.uint8
    assert pillow.flags.c_contiguous
    assert pillow.flags.writeable
    assert np.abs(opencv.astype(int) - pillow.astype(int)).max() <= (2 if "jpeg" in name else 0)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("options", [("png",), ("tiff", 1), ("tiff", 5), ("tiff", 8)])  # none, LZW, deflate
def test_16_bits_whatever_the_compression(channels, options):
    suffix, *compression = options
    flags = [cv2.IMWRITE_TIFF_COMPRESSION, compression[0]] if compression else []
    data = cv2.imencode(f".{suffix}", WIDE[..., :channels], flags)[1].tobytes()
    opencv, pillow = both(data)
    assert np.array_equal(opencv, pillow)


@pytest.mark.parametrize("order", "<>")
def test_16_bits_of_either_byte_order_turned(order):
    for orientation in range(1, 9):
        data = tiff(WIDE[..., :3], photometric=2, order=order, rows=7, tags={274: (3, [orientation])})
        opencv, pillow = both(data)
        assert np.array_equal(opencv, pillow)


def test_16_bit_grey_with_alpha_in_a_png():
    data = _png(WIDE[..., :2])
    opencv, pillow = both(data)
    assert np.array_equal(opencv, pillow)
    assert np.array_equal(pillow[..., 0], np.rint(WIDE[..., 0] / 257).astype(np.uint8))


def test_a_palette_whose_transparency_is_one_value_a_colour():
    palette = Image.fromarray(RGB).quantize(4)
    data = encode(palette, "png", transparency=bytes([0, 90, 255, 3]))
    opencv, pillow = both(data)
    assert np.array_equal(opencv, pillow)


def test_a_big_endian_bigtiff_is_refused_by_name():
    data = tiff(RGB, photometric=2, order=">", big=True)
    with pytest.raises(UnreadableImage, match="BigTIFF in big-endian order"):
        codec_pillow.decode(data, read_header(data))


def test_another_size_than_the_header_s_is_not_decoded():
    header = read_header(IMAGES["png"])
    other = encode(np.zeros((400, 400, 3), np.uint8), "png")
    with pytest.raises(UnreadableImage, match="broken"):
        codec_pillow.decode(other, header)


def test_no_memory_is_not_the_client_s_fault(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(codec_pillow, "PngImageFile", fail)
    with pytest.raises(MemoryError, match="60 x 40 pixels"):
        codec_pillow.decode(IMAGES["png"], read_header(IMAGES["png"]))


def test_limit(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert codec_pillow.limit("PIXELS") == 2000
    assert codec_pillow.limit("WIDTH") == sys.maxsize
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert codec_pillow.limit("PIXELS") == sys.maxsize


def test_swapped():
    rgb = codec_pillow.swapped(RGB)
    assert np.array_equal(rgb, RGB[..., ::-1])
    assert rgb.flags.c_contiguous


@pytest.mark.parametrize("size", [(40, 30), (33, 21), (121, 95)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_resized_as_opencv_does(size, dtype, channels):
    colours = np.dstack([scene(200, 160), alpha(200, 160) // 4])
    image = cv2.GaussianBlur(colours, (0, 0), 2).astype(dtype)
    image = image[..., 0] if channels is None else np.ascontiguousarray(image[..., :channels])
    for shrink, source in ((True, image), (False, np.ascontiguousarray(image[:20, :30]))):
        expected = codec_opencv.resized(source, *size, shrink=shrink)
        found = codec_pillow.resized(source, *size, shrink=shrink)
        assert found.shape == expected.shape == (size[1], size[0], *image.shape[2:])
        assert found.dtype == dtype
        difference = np.abs(expected.astype(float) - found.astype(float))
        assert difference.mean() < 1
        assert difference.max() <= 12


def test_nothing_is_said_of_a_broken_upload():
    """Run in a process of its own: a warning goes to the real stderr."""
    code = """
import sys
from toc_build.runtime import codec_pillow, read_header
data = open(0, "rb").read()
try:
    codec_pillow.decode(data, read_header(data))
except ValueError as error:
    print(error)
"""
    data = tiff(np.dstack([RGB, RGB]), photometric=2)  # six channels
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.startswith(b"the TIFF image is broken")
    assert done.stderr == b""


def test_no_more_of_pillow_is_loaded_than_the_format_needs():
    code = """
import sys
from toc_build.runtime import codec_pillow, read_header
data = open(0, "rb").read()
codec_pillow.decode(data, read_header(data))
print(*(name for name in sys.modules if name.endswith("ImagePlugin")))
"""
    data = encode(RGB, "jpeg")
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert sorted(done.stdout.decode().split()) == [
        "PIL.BmpImagePlugin",
        "PIL.JpegImagePlugin",
        "PIL.PngImagePlugin",
    ]


def _png(samples: np.ndarray) -> bytes:
    """A 16-bit grey PNG with alpha, which no library at hand writes."""
    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
