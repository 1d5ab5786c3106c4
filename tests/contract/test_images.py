from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from toc_build.contract import images
from toc_build.contract.images import Picture, choose_picture
from toc_build.contract.samples import Sample
from toc_build.runtime import TooManyPixels, UnreadableImage, open_image, read_header

BGR = images.generated_picture()
VARIANTS = {variant.name: variant for variant in images.colour_variants(BGR)}


def pillow(data: bytes) -> np.ndarray:
    """What another decoder than ours sees: BGR."""
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return np.asarray(shown)[:, :, ::-1]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("decode", [pillow, lambda data: open_image(data, max_pixels=10**7).bgr])
def test_every_variant_shows_the_picture_to_every_decoder(name, decode):
    error = np.abs(decode(VARIANTS[name].data).astype(int) - BGR)
    assert error.max() == 0 if VARIANTS[name].exact else error.mean() < 1.5


def test_variants_are_what_their_names_say():
    assert Image.open(io.BytesIO(VARIANTS["jpeg-cmyk"].data)).mode == "CMYK"
    assert Image.open(io.BytesIO(VARIANTS["png-alpha"].data)).mode == "RGBA"
    deep = cv2.imdecode(np.frombuffer(VARIANTS["png-16-bit"].data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert deep.dtype == np.uint16
    assert {read_header(v.data).format for v in VARIANTS.values()} == {"jpeg", "png", "webp", "tiff", "bmp"}


def test_cmyk_survives_dark_and_noisy_pictures():
    noise = np.random.default_rng(3).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    noise = cv2.GaussianBlur(noise, (0, 0), 3)
    assert np.abs(pillow(images.cmyk_jpeg(noise)).astype(int) - noise).mean() < 2
    assert pillow(images.cmyk_jpeg(np.zeros((8, 8, 3), np.uint8))).max() <= 2


def test_a_rotated_jpeg_is_upright_only_with_its_orientation():
    data = images.rotated_jpeg(BGR)
    header = read_header(data)
    assert (header.width, header.height, header.orientation) == (320, 240, 6)
    assert Image.open(io.BytesIO(data)).size == (240, 320)
    assert np.abs(pillow(data).astype(int) - BGR).mean() < 1.5


@pytest.mark.parametrize("data", [images.jpeg(BGR), images.png(BGR)])
def test_truncated_images_have_a_header_and_no_end(data):
    short = images.truncated(data)
    assert read_header(short).width == 320
    assert not read_header(short).complete


@pytest.mark.parametrize("body", [images.GIF, images.PDF, images.TEXT, images.random_bytes()])
def test_garbage_is_no_image(body):
    with pytest.raises(UnreadableImage):
        read_header(body)
    assert images.random_bytes() == images.random_bytes()


def test_the_gif_is_a_whole_gif():
    Image.open(io.BytesIO(images.GIF)).load()


@pytest.mark.parametrize("limit", [1_000, 50_000_000, 10**9])
@pytest.mark.parametrize("bomb", [images.png_bomb, images.jpeg_bomb])
def test_a_bomb_is_small_and_claims_more_than_the_limit(bomb, limit):
    data = bomb(limit)
    assert len(data) < 5_000
    header = read_header(data)
    assert header.width * header.height > limit
    with pytest.raises(TooManyPixels):
        open_image(data, max_pixels=limit)


def test_a_jpeg_cannot_claim_everything():
    assert images.jpeg_bomb(65_500**2) is None


def sample(folder, name, pixels, expected=None):
    path = folder / f"{name}.png"
    path.write_bytes(images.png(pixels))
    return Sample(name, path, pixels.shape[1], pixels.shape[0], expected)


def test_the_picture_is_the_smallest_sample_with_expectations(tmp_path, samples):
    some = samples[0].expected
    small = sample(tmp_path, "small", BGR[:50, :50])
    middle = sample(tmp_path, "middle", BGR[:100, :120], some)
    large = sample(tmp_path, "large", BGR, some)
    picture = choose_picture([large, small, middle])
    assert (picture.origin, picture.width, picture.height) == ("sample middle", 120, 100)
    assert np.array_equal(picture.bgr, BGR[:100, :120])


def test_a_large_sample_is_shrunk(tmp_path):
    picture = choose_picture([sample(tmp_path, "large", cv2.resize(BGR, (1600, 1000)))])
    assert (picture.width, picture.height) == (images.LONGEST_SIDE, images.LONGEST_SIDE * 1000 // 1600)


def test_without_a_usable_sample_a_picture_is_generated(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG, but no more")
    for found in ([], [Sample("broken", broken, 3, 3)]):
        picture = choose_picture(found)
        assert picture.origin == "a generated picture"
        assert isinstance(picture, Picture)
