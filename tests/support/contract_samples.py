"""Samples for the contract's own tests: coloured blobs, written as a model repository holds them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from support.contract_scorer import find_blobs

from toc_build.contract.images import jpeg, png, with_orientation

_COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "white": (255, 255, 255)}


def blobs(width: int, height: int, *placed: tuple[str, int, int, int, int]) -> np.ndarray:
    """A dark BGR picture with ellipses: (colour, centre x, centre y, half width, half height), in pixels."""
    bgr = np.full((height, width, 3), 20, dtype=np.uint8)
    for colour, x, y, half_width, half_height in placed:
        cv2.ellipse(bgr, (x, y), (half_width, half_height), 0, 0, 360, _COLOURS[colour], thickness=-1)
    return bgr


def write_samples(folder: Path) -> None:
    """Two samples: a PNG with four blobs, and a JPEG on its side (EXIF) with three."""
    folder.mkdir(parents=True, exist_ok=True)
    pond = blobs(
        320,
        200,
        ("red", 60, 50, 30, 14),
        ("green", 200, 40, 22, 20),
        ("blue", 270, 150, 16, 30),
        ("white", 100, 150, 40, 25),
    )
    bank = blobs(260, 240, ("blue", 50, 60, 25, 15), ("red", 190, 90, 20, 35), ("red", 90, 190, 18, 18))
    on_its_side = with_orientation(jpeg(cv2.rotate(bank, cv2.ROTATE_90_COUNTERCLOCKWISE)), 6)
    for name, bgr, data in (("pond.png", pond, png(pond)), ("bank.jpg", bank, on_its_side)):
        (folder / name).write_bytes(data)
        expected = [detection.as_dict() for detection in find_blobs(bgr)]
        (folder / name).with_suffix(".json").write_text(json.dumps(expected, indent=2), encoding="utf-8")
