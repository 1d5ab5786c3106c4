"""Scorers that read some images wrongly, or not at all."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from support.contract_registry import broken
from support.contract_scorer import ColourBlobs, as_json

from toc_build.runtime import PostedImage


class Redecoded(ColourBlobs):
    """What the runtime accepts is decoded once more by `decode`, the wrong way."""

    def open(self, body):
        image = super().open(body)
        pixels = self.decode(body, image)
        return PostedImage(body, image.format, np.ascontiguousarray(pixels))

    def decode(self, body: bytes, image: PostedImage) -> np.ndarray:
        raise NotImplementedError


def raw(body: bytes) -> np.ndarray:
    """The pixels as they are stored: depth, channels and orientation untouched."""
    return cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)


class CrashesOn(ColourBlobs):
    """Status 500 for images that `fails` picks."""

    def score(self, body):
        reply = super().score(body)
        if reply.status == 200 and self.fails(body):
            return as_json({"error": {"code": "detector-failed", "id": "4711"}}, 500)
        return reply

    def fails(self, body: bytes) -> bool:
        raise NotImplementedError


@broken("format.orientation")
class IgnoresOrientation(Redecoded):
    """EXIF orientation is ignored."""

    def decode(self, body, image):
        if image.format != "jpeg":
            return image.bgr
        return cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


@broken("format.orientation")
class TurnsTheWrongWay(Redecoded):
    """EXIF orientation 6 is turned as if it were 8."""

    def decode(self, body, image):
        turned = image.format == "jpeg" and b"Exif" in body[:64]
        return image.bgr[::-1, ::-1] if turned else image.bgr


@broken("format.refused")
class CrashesOnGrey(CrashesOn):
    """image.shape is unpacked into three."""

    def fails(self, body):
        return raw(body).ndim == 2


@broken("format.refused")
class CrashesOnAlpha(CrashesOn):
    """The model wants three channels and gets four."""

    def fails(self, body):
        return body.startswith(b"\x89PNG") and raw(body).shape[2:] == (4,)


@broken("format.refused")
class CrashesOn16Bit(CrashesOn):
    """The model wants bytes and gets uint16."""

    def fails(self, body):
        return body.startswith(b"\x89PNG") and raw(body).dtype == np.uint16


@broken("format.refused")
class RefusesWebp(ColourBlobs):
    """Built without WebP."""

    def score(self, body):
        return as_json({"error": "unknown format"}, 415) if body[8:12] == b"WEBP" else super().score(body)


@broken("format.same")
class CutsDeepPixels(Redecoded):
    """16-bit pixels are cut to their lower byte."""

    def decode(self, body, image):
        pixels = raw(body)
        return (pixels >> 8 << 4).astype(np.uint8)[..., :3] if pixels.dtype == np.uint16 else image.bgr


@broken("format.same")
class PaintsOverWhite(Redecoded):
    """Transparent pixels are painted over white instead of dropping alpha."""

    def decode(self, body, image):
        pixels = raw(body)
        if pixels.shape[2:] != (4,) or image.format != "png":
            return image.bgr
        alpha = pixels[:, :, 3:] / 255.0
        return (pixels[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


@broken("format.same")
class InvertsInks(Redecoded):
    """Adobe's inverted CMYK is taken as plain CMYK: the picture is a negative."""

    def decode(self, body, image):
        return 255 - image.bgr if b"Adobe" in body[:64] else image.bgr


@broken("format.same")
class BlueBmp(Redecoded):
    """Only BMP files have their channels exchanged."""

    def decode(self, body, image):
        return image.bgr[:, :, ::-1] if image.format == "bmp" else image.bgr


@broken("image.tiny")
class CrashesOnTinyImages(CrashesOn):
    """A thin image is resized to a height of nought."""

    def fails(self, body):
        return body.startswith(b"\x89PNG") and min(struct.unpack(">II", body[16:24])) < 2
