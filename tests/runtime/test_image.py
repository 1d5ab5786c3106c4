"""Everything here holds with OpenCV and with Pillow; what only one of them does is in test_codec_*.py."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.runtime_images import alpha, as_pillow_shows, encode, every_format, exif, scene, tiff

from toc_build.runtime import TooManyPixels, UnreadableImage, codec_pillow, open_image, read_header
from toc_build.runtime.image import SUFFIXES

pytestmark = pytest.mark.usefixtures("codec")
IMAGES = every_format()
RGB = scene()
WIDE = (
    RGB.astype(np.uint16) * 257 + (np.arange(60, dtype=np.uint16) % 100)[None, :, None]
)  # 16 bits, all used
LIMIT = 1_000_000


def opened(data: bytes):
    return open_image(data, max_pixels=LIMIT)


def difference(first: np.ndarray, second: np.ndarray) -> int:
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second.astype(int)).max())


@pytest.mark.parametrize("name", IMAGES)
def test_as_pillow_shows_it(name):
    image = opened(IMAGES[name])
    assert image.bgr.dtype == image.rgb.dtype == np.uint8
    assert image.bgr.flags.c_contiguous
    assert image.rgb.flags.c_contiguous
    assert image.bgr.shape == image.rgb.shape == (image.height, image.width, 3)
    assert image.data is IMAGES[name]
    assert image.rgb is image.rgb
    assert np.array_equal(image.rgb, image.bgr[..., ::-1])
    tolerance = 2 if name.startswith("jpeg") or name == "webp-lossy" else 0
    if not name.startswith("tiff-64"):  # Pillow does not read the hand-made BigTIFF
        assert difference(image.rgb, as_pillow_shows(IMAGES[name])) <= tolerance
    else:
        assert np.array_equal(image.rgb, RGB)


def _modes() -> dict[str, Image.Image]:
    colour = Image.fromarray(RGB)
    grey = colour.convert("L")
    return {
        "RGB": colour,
        "RGBA": Image.fromarray(np.dstack([RGB, alpha()])),
        "L": grey,
        "LA": Image.merge("LA", [grey, Image.fromarray(alpha())]),
        "P": colour.quantize(16),
        "1": grey.convert("1"),
        "CMYK": colour.convert("CMYK"),
    }


_NOT_WRITTEN = {"jpeg": ("RGBA", "LA", "P"), "png": ("CMYK",), "bmp": ("LA", "CMYK")}  # not by Pillow


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        (kind, mode)
        for kind in ("jpeg", "png", "webp", "tiff", "bmp")
        for mode in _modes()
        if mode not in _NOT_WRITTEN.get(kind, ())
    ],
)
def test_colour_modes(kind, mode):
    data = encode(_modes()[mode], kind)
    tolerance = 2 if kind == "jpeg" else 0
    assert difference(opened(data).rgb, as_pillow_shows(data)) <= tolerance


def test_palette_with_transparency():
    data = encode(_modes()["P"], "png", transparency=3)
    assert np.array_equal(opened(data).rgb, as_pillow_shows(data))


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(kind, orientation):
    data = encode(RGB, kind, exif=exif(orientation))
    image = opened(data)
    assert (image.height, image.width) == image.bgr.shape[:2]
    assert difference(image.rgb, as_pillow_shows(data)) <= (2 if kind == "jpeg" else 0)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_of_a_16_bit_tiff(orientation):
    eight = opened(tiff(RGB, photometric=2, tags={274: (3, [orientation])}))
    sixteen = opened(tiff(RGB.astype(np.uint16) * 257, photometric=2, tags={274: (3, [orientation])}))
    assert np.array_equal(eight.bgr, sixteen.bgr)


def test_orientation_as_long_in_a_big_endian_tiff():
    data = tiff(RGB, photometric=2, order=">", tags={274: (4, [6])})
    assert np.array_equal(opened(data).rgb, np.rot90(RGB, -1))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_divided_by_257(suffix, channels):
    pixels = WIDE[..., 0] if channels == 1 else WIDE
    if channels == 4:
        pixels = np.dstack([WIDE, alpha().astype(np.uint16) * 257])
    data = cv2.imencode(suffix, pixels)[1].tobytes()
    expected = np.rint(np.atleast_3d(pixels)[..., :3] / 257).astype(np.uint8)
    assert np.array_equal(opened(data).bgr, np.broadcast_to(expected, RGB.shape))


def test_every_16_bit_value():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    data = encode(Image.fromarray(values), "png")
    assert np.array_equal(opened(data).bgr[..., 0], np.rint(values / 257).astype(np.uint8))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_tiffs_built_by_hand(order, big, codec):
    if codec is codec_pillow and big and order == ">":
        with pytest.raises(UnreadableImage, match="big-endian"):
            opened(tiff(RGB, photometric=2, order=order, big=big))
        return

    def image(pixels, photometric, **tags):
        fields = {int(key[1:]): value for key, value in tags.items()}
        return opened(tiff(pixels, photometric=photometric, order=order, big=big, tags=fields)).rgb

    grey = np.broadcast_to(RGB[..., :1], RGB.shape)
    assert np.array_equal(image(RGB, 2), RGB)
    assert np.array_equal(image(RGB[..., :1], 1), grey)
    assert np.array_equal(image(RGB[..., :1], 0), 255 - grey)
    assert np.array_equal(image(RGB[..., :1].astype(np.uint16) * 257, 0), 255 - grey)
    for kind in (0, 1, 2):  # unspecified, associated, unassociated alpha: dropped, never multiplied in
        assert np.array_equal(image(np.dstack([RGB, alpha()]), 2, _338=(3, [kind])), RGB)
    with_two = np.dstack([RGB, alpha(), alpha()])[..., :4]
    assert np.array_equal(image(with_two, 2, _338=(3, [2]), _274=(3, [3])), RGB[::-1, ::-1])


def test_planes_stored_apart():
    assert np.array_equal(opened(tiff(RGB, photometric=2, planar=2)).rgb, RGB)


@pytest.mark.parametrize("transform", [None, 0, 2])
def test_cmyk_jpeg_counts_as_inverted_with_and_without_adobe_mark(transform):
    data = encode(_modes()["CMYK"], "jpeg")
    at = data.index(b"\xff\xee")
    assert data[at + 4 : at + 9] == b"Adobe"
    if transform is None:
        data = data[:at] + data[at + 16 :]
    else:
        data = data[: at + 15] + bytes([transform]) + data[at + 16 :]
    assert difference(opened(data).rgb, as_pillow_shows(data)) <= 2


def test_first_page_of_a_tiff():
    second = Image.fromarray(255 - RGB[:20, :20])
    data = encode(RGB, "tiff", save_all=True, append_images=[second])
    assert np.array_equal(opened(data).rgb, RGB)


def test_first_frame_of_an_animated_png():
    data = encode(RGB, "png", save_all=True, append_images=[Image.fromarray(255 - RGB)])
    assert np.array_equal(opened(data).rgb, RGB)


@pytest.mark.parametrize("name", IMAGES)
def test_truncated(name):
    data = IMAGES[name]
    with pytest.raises(UnreadableImage, match="truncated"):
        opened(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("name", ["png", "webp-lossless"])
def test_broken_data(name):
    data = bytearray(IMAGES[name])
    middle = data.index(b"IDAT") + 20 if name == "png" else 60
    data[middle : middle + 10] = bytes(10)
    with pytest.raises(UnreadableImage, match="broken"):
        opened(bytes(data))


def test_refusals_of_the_header_are_raised():
    with pytest.raises(UnreadableImage, match="floating-point"):
        opened(tiff(RGB.astype(np.float32), photometric=2, tags={339: (3, [3, 3, 3])}))


def test_gif_names_the_accepted_formats():
    with pytest.raises(
        UnreadableImage, match="GIF is not accepted; post the bytes of a JPEG, PNG, WebP, TIFF or BMP"
    ):
        opened(encode(RGB, "gif"))


def test_too_many_pixels_is_known_without_decoding(monkeypatch, codec):
    monkeypatch.setattr(codec, "decode", None)
    with pytest.raises(TooManyPixels, match=r"60 x 40 px, 2,400 pixels; at most 2,399 are accepted"):
        open_image(IMAGES["jpeg-progressive"], max_pixels=2399)


def test_exactly_the_limit_is_allowed():
    assert open_image(IMAGES["png"], max_pixels=2400).width == 60


def test_size_comes_before_completeness():
    with pytest.raises(TooManyPixels):
        open_image(IMAGES["png"][:60], max_pixels=100)


def test_limit_of_the_library_is_told(monkeypatch, codec):
    monkeypatch.setattr(codec, "limit", lambda name: 2000)
    with pytest.raises(TooManyPixels, match=f"this scorer's {codec.NAME} decodes at most 2,000"):
        opened(IMAGES["png"])


def test_the_longest_side():
    long = encode(np.zeros((1, 1_000_001), np.uint8), "png")
    with pytest.raises(TooManyPixels, match="at most 1,000,000 px along one side"):
        open_image(long, max_pixels=10**8)
    assert open_image(encode(np.zeros((1, 1_000_000), np.uint8), "png"), max_pixels=10**8).width == 1_000_000


def test_decoder_and_header_that_disagree(monkeypatch, codec):
    monkeypatch.setattr(codec, "decode", lambda *_: np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(UnreadableImage, match="header says"):
        opened(IMAGES["png"])


@pytest.mark.parametrize("name", IMAGES)
def test_as_file(name):
    image = opened(IMAGES[name])
    with image.as_file() as path:
        assert isinstance(path, Path)
        assert path.read_bytes() == IMAGES[name]
        assert path.suffix == SUFFIXES[image.format]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_as_file_is_removed_when_the_block_raises(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    there = []

    def use():
        with opened(IMAGES["png"]).as_file() as path:
            there.append((path, list(tmp_path.iterdir())))
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert there == [(there[0][0], [there[0][0]])]
    assert not list(tmp_path.iterdir())


def test_as_file_that_the_block_removed():
    with opened(IMAGES["png"]).as_file() as path:
        path.unlink()
    assert not path.exists()


def test_every_suffix_is_one_that_opencv_and_pillow_know():
    for name, suffix in SUFFIXES.items():
        assert Image.registered_extensions()[suffix].lower() == name
        assert cv2.haveImageWriter(f"x{suffix}")


def test_import_of_the_settings_loads_neither_numpy_nor_a_codec():
    code = (
        "import sys; from toc_build.runtime import ScoringSettings, Detection, check_detections, model_path;"
        "sys.exit(any(name in sys.modules for name in ('cv2', 'PIL', 'numpy', 'toc_build.errors')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_repr():
    assert repr(opened(IMAGES["jpeg"])) == "<PostedImage jpeg 40 x 60>"


@given(
    st.sampled_from(sorted(IMAGES)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
@settings(max_examples=100, deadline=None)
def test_mutated_images(name, changes):
    """Whatever the bytes: an image that agrees with its header, or one of the two refusals."""
    data = bytearray(IMAGES[name])
    for where, what in changes:
        at = int(where * len(data))
        data[at : at + len(what)] = what
    try:
        image = open_image(bytes(data), max_pixels=100_000)
    except (UnreadableImage, TooManyPixels):
        return
    header = read_header(bytes(data))
    assert image.bgr.shape == (header.height, header.width, 3)
    assert image.bgr.dtype == np.uint8


def test_a_large_jpeg_is_not_copied():
    data = encode(np.broadcast_to(RGB[:1, :1], (3000, 4000, 3)), "jpeg", quality=50)
    image = open_image(data, max_pixels=12_000_000)
    assert image.data is data
    assert image.bgr.base is None or image.bgr.base.nbytes == image.bgr.nbytes
    assert image._rgb is None  # made only when asked for
