"""Draws the pictures of `samples/`: a harbour at night, with the lights of ships and what might be taken for one.

    uv run training/make_samples.py

The expected detections beside them are the truth: the discs as they were drawn.
"""
# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy>=1.26", "opencv-python-headless>=4.10"]
# ///

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLES = Path(__file__).parent.parent / "samples"
COLOURS = {"red": (40, 30, 255), "green": (95, 240, 40), "white": (225, 245, 255)}  # BGR
# Name -> seed, width, height, how many lights.
PICTURES = {"harbour": (1, 640, 480, 6), "river-mouth": (2, 800, 450, 3), "no-lights": (3, 480, 360, 0)}


def night(seed: int, width: int, height: int, count: int) -> tuple[NDArray[np.uint8], list[dict[str, object]]]:
    """One picture and its truth.

    Args:
        seed: decides everything.
        width, height: in pixels.
        count: how many lights, on or above the waterline.

    Returns:
        BGR uint8 (height, width, 3), and the lights as detections without scores.
    """
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    waterline = int(height * rng.uniform(0.4, 0.5))
    picture = np.float32((44, 26, 14)) * (0.5 + 0.9 * rows) * np.ones((1, width, 1), np.float32)
    # The far shore, and ripples that catch some light: neither is a lamp.
    shore = waterline - cv2.resize(rng.random((1, 9), dtype=np.float32), (width, 1))[0] * height * 0.09 - 6
    picture[(np.arange(height)[:, None] > shore) & (np.arange(height)[:, None] < waterline)] *= 0.35
    ripples = rng.random((height // 3, width // 14), dtype=np.float32)
    ripples = cv2.resize(ripples, (width, height), interpolation=cv2.INTER_CUBIC)
    picture[waterline:] += 26 * np.clip(ripples[waterline:, :, None] - 0.62, 0, 1) / 0.38
    truth: list[dict[str, object]] = []
    taken: list[tuple[int, int]] = []
    while len(truth) < count:
        radius = int(rng.integers(4, 12))
        x = int(rng.integers(3 * radius, width - 3 * radius))
        y = int(rng.integers(3 * radius, waterline - radius))
        if any((x - ox) ** 2 + (y - oy) ** 2 < 90**2 for ox, oy in taken):
            continue
        taken.append((x, y))
        label = list(COLOURS)[len(truth) % 3]
        _shine(rng, picture, (x, y), radius, COLOURS[label], waterline)
        edges = {"xmin": x - radius, "xmax": x + radius + 1, "ymin": y - radius, "ymax": y + radius + 1}
        truth.append({**{edge: float(value) for edge, value in edges.items()}, "label": label})
    picture += rng.normal(0, 2.0, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), truth


def _shine(
    rng: np.random.Generator,
    picture: NDArray[np.float32],
    centre: tuple[int, int],
    radius: int,
    colour: tuple[int, int, int],
    waterline: int,
) -> None:
    """A lamp: the disc with an overexposed middle, a faint halo, and a broken streak on the water."""
    x, y = centre
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    away = np.hypot(columns - x, rows - y)
    halo = 0.13 * np.exp(-np.clip(away - radius, 0, None) / (1.3 * radius))
    streak = np.exp(-(((columns - x) / (0.9 * radius)) ** 2)) * (rows > waterline)
    streak = streak * 0.17 * np.exp(-(rows - waterline) / 70) * (rng.random(rows.shape[:1])[:, None] > 0.35)
    picture += (halo + streak)[..., None] * np.float32(colour)
    disc = np.clip(radius + 0.5 - away, 0, 1)[..., None]
    middle = np.clip(1.1 - away / (0.6 * radius), 0, 1)[..., None]
    picture += disc * (np.float32(colour) * (1 - middle) + 255 * middle - picture)


def main() -> None:
    """Writes the pictures and their truth."""
    SAMPLES.mkdir(exist_ok=True)
    for name, (seed, width, height, count) in PICTURES.items():
        picture, truth = night(seed, width, height, count)
        cv2.imwrite(str(SAMPLES / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
        (SAMPLES / f"{name}.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
