"""Makes pictures of a river with litter in it, and the exact box of every piece.

`train.py` and `evaluate.py` call `make_picture(seed)`; the same seed gives the same picture. To look at some:

    uv run training/river_images.py --out /tmp/river --count 8
"""
# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy>=1.26", "opencv-python-headless>=4.10"]
# ///

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sprites import DISTRACTORS, LITTER, Sprite
from water import Camera, Picture, finish, fractal_noise, render_river

LABELS = tuple(LITTER)
# Sizes that cameras and telephones post, shrunk; a picture's longer side decides how large its litter is.
SIZES = ((640, 480), (480, 640), (800, 600), (640, 360), (512, 512), (1024, 768), (480, 360), (1280, 720))
REFERENCE_SIDE = 640  # the longer side at which litter is 15 to 200 pixels long
SEEN = 0.25  # a pixel belongs to a piece of litter when at least this much of it covers the water
SMALLEST_SIDE = 12  # pixels at REFERENCE_SIDE: a piece that shows less is not floated at all


@dataclass(frozen=True)
class Truth:
    """One piece of litter: its label and the edges of its visible part, in pixels of the picture."""

    label: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float

    def as_detection(self) -> dict[str, object]:
        """As a detection without a score, in the order that scorers answer with."""
        return {"xmin": self.xmin, "xmax": self.xmax, "ymin": self.ymin, "ymax": self.ymax, "label": self.label}


@dataclass(frozen=True)
class RiverPicture:
    """A picture, BGR uint8 (height, width, 3), and everything in it that is litter."""

    bgr: NDArray[np.uint8]
    litter: tuple[Truth, ...]


def make_picture(seed: int, size: tuple[int, int] | None = None, *, pieces: int | None = None) -> RiverPicture:
    """One picture of a river.

    Args:
        seed: decides everything; the same seed, size and pieces give the same picture.
        size: (width, height) in pixels, by default one of SIZES.
        pieces: how many pieces of litter to float, by default 0 to 9. Fewer find room in a crowded picture.

    Returns:
        The picture and the truth about it.
    """
    rng = np.random.default_rng(seed)
    drawn = SIZES[rng.integers(len(SIZES))]
    width, height = size or drawn
    zoom = max(width, height) / REFERENCE_SIDE
    camera = Camera(width, height, -height * rng.uniform(0.45, 2.5), rng.uniform(240, 440) * zoom)
    picture, water = render_river(rng, camera)

    names = tuple(DISTRACTORS)
    for name in rng.choice(names, rng.integers(0, 7), p=(0.45, 0.2, 0.25, 0.1)):
        draw, metres = DISTRACTORS[str(name)]
        _float(rng, picture, camera, water, draw(rng), rng.uniform(*metres), ())

    wanted = int(rng.choice(10, p=(0.06, 0.14, 0.16, 0.16, 0.14, 0.1, 0.08, 0.06, 0.05, 0.05)))
    wanted = wanted if pieces is None else pieces
    litter: list[Truth] = []
    for _ in range(wanted * 4):
        if len(litter) == wanted:
            break
        label = LABELS[rng.integers(len(LABELS))]
        draw, metres = LITTER[label]
        box = _float(rng, picture, camera, water, draw(rng), rng.uniform(*metres), tuple(litter), zoom)
        if box is not None:
            litter.append(Truth(label, *box))
    return RiverPicture(finish(rng, picture), tuple(litter))


def _turned(rng: np.random.Generator, sprite: Sprite, length: float) -> Sprite:
    """The sprite turned on the water, seen at a slant, and shrunk to `length` pixels; premultiplied."""
    side = sprite.shape[0]
    sprite = np.dstack([sprite[..., :3] * sprite[..., 3:], sprite[..., 3]])
    if rng.random() < 0.5:
        sprite = sprite[::-1]
    turn = np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(0, 360), 0.72)
    turn[0, 2] += side * 0.2
    turn[1, 2] += side * 0.2
    slant = np.diag((1.0, rng.uniform(0.68, 1.0), 1.0))
    canvas = round(side * 1.4)
    sprite = cv2.warpAffine(np.ascontiguousarray(sprite), (slant @ turn)[:2], (canvas, canvas))
    shrink = length / (side * 0.72 * 0.9)
    target = max(8, round(canvas * shrink))
    return np.clip(cv2.resize(sprite, (target, target), interpolation=cv2.INTER_AREA), 0, 1)


def _float(
    rng: np.random.Generator,
    picture: Picture,
    camera: Camera,
    water: NDArray[np.bool_],
    sprite: Sprite,
    metres: float,
    others: tuple[Truth, ...],
    zoom: float | None = None,
) -> tuple[float, float, float, float] | None:
    """Floats one sprite on the picture, in place.

    Args:
        rng: the source of chance.
        picture: RGB float32 (height, width, 3), changed in place.
        camera: gives the scale at the place chosen.
        water: where something may float.
        sprite: what floats.
        metres: how long it is.
        others: litter already there, which is not to be covered.
        zoom: the picture's longer side over REFERENCE_SIDE, for litter; None for what is no litter.

    Returns:
        Edges xmin, ymin, xmax, ymax of what is seen of it, or None when no place was found (nothing is drawn then).
    """
    height, width = picture.shape[:2]
    for _ in range(8):
        row, column = int(rng.integers(0, height)), int(rng.integers(0, width))
        if not water[row, column]:
            continue
        piece = _turned(rng, sprite, metres * camera.scale_at(row))
        piece = _sink(rng, piece)
        size = piece.shape[0]
        top, left = row - size // 2, column - size // 2
        seen = np.zeros((height, width), np.bool_)
        rows = slice(max(top, 0), min(top + size, height))
        columns = slice(max(left, 0), min(left + size, width))
        cut = piece[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        seen[rows, columns] = cut[..., 3] > SEEN
        if seen.sum() < 0.6 * (piece[..., 3] > SEEN).sum() or not seen.any():
            continue  # too much of it outside the picture
        ys, xs = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        box = (float(xs[0]), float(ys[0]), float(xs[-1] + 1), float(ys[-1] + 1))
        if zoom is not None and min(box[2] - box[0], box[3] - box[1]) < SMALLEST_SIDE * zoom:
            continue
        if any(_overlap(box, other) > 0.12 for other in others):
            continue
        if zoom is not None and (seen & ~water).sum() > 0.1 * seen.sum():
            continue  # on the bank
        _disturb_water(rng, picture, piece, box)
        region = picture[rows, columns]
        dim = np.float32(rng.uniform(0.7, 1.05))
        picture[rows, columns] = np.clip(region * (1 - cut[..., 3:]) + cut[..., :3] * dim, 0, 1)
        return box
    return None


def _sink(rng: np.random.Generator, piece: Sprite) -> Sprite:
    """Takes the lower part of a sprite under water, where the water hides it; the waterline is uneven."""
    rows = np.flatnonzero((piece[..., 3] > SEEN).any(1))
    if rows.size == 0:
        return piece
    top, low = int(rows[0]), int(rows[-1] + 1)
    size = piece.shape[0]
    line = top + (low - top) * rng.uniform(0.6, 1.0)
    columns = np.arange(size, dtype=np.float32)
    swell = (low - top) * 0.05
    uneven = swell * np.sin(columns / size * rng.uniform(6, 18) + rng.uniform(0, 6))
    deep = np.arange(size, dtype=np.float32)[:, None] - (line + uneven[None, :])
    clear = rng.uniform(0.05, 0.55)  # how much is seen through a little water
    fade = np.exp(-np.clip(deep, 0, None) / (0.25 * (low - top) + 1))
    seen = np.where(deep < 0, 1.0, clear * fade).astype(np.float32)
    wash = fractal_noise(rng, size, size, cells=4, octaves=2, stretch=2.0)
    if rng.random() < 0.35:  # a film of water over part of it
        seen = seen * np.clip(1.25 - 0.8 * np.clip((wash - 0.5) * 6, 0, 1), 0.3, 1.0)
    return piece * seen[..., None]


def _disturb_water(
    rng: np.random.Generator, picture: Picture, piece: Sprite, box: tuple[float, float, float, float]
) -> None:
    """Shadow, mirror image and ripples around a floating piece, drawn into `picture` in place."""
    height, width = picture.shape[:2]
    xmin, ymin, xmax, ymax = box
    wide, high = xmax - xmin, ymax - ymin
    centre = ((xmin + xmax) / 2, ymax - 0.2 * high)
    reach = 1.2 * wide + 6
    rows = slice(int(max(0, ymin - 0.3 * high)), int(min(height, ymax + 1.2 * high + 4)))
    columns = slice(int(max(0, centre[0] - reach)), int(min(width, centre[0] + reach)))
    if rows.stop - rows.start < 2 or columns.stop - columns.start < 2:
        return
    y, x = np.mgrid[rows, columns].astype(np.float32)
    across = np.sqrt(((x - centre[0]) / (wide / 2 + 1)) ** 2 + ((y - centre[1]) / (0.45 * high + 1)) ** 2)
    shadow = 0.45 * rng.uniform(0.4, 1.0) * np.exp(-(np.clip(across - 0.85, 0, None) ** 2) / 0.06)
    rings = 0.10 * rng.uniform(0.0, 1.2) * np.cos((across - 1) * rng.uniform(9, 16))
    rings = rings * np.exp(-np.abs(across - 1.1) * 2.2)
    region = picture[rows, columns]
    region = region * (1 - shadow[..., None]) + (rings * (across > 0.95))[..., None] * (0.35 + region)
    # The mirror image: the sprite upside down below its waterline, torn sideways by the waves.
    image = piece[::-1]
    offset_y = (ymin + ymax) / 2 + 0.72 * high - piece.shape[0] / 2
    offset_x = (xmin + xmax) / 2 - piece.shape[0] / 2
    torn = 0.05 * wide * np.sin(y / (0.06 * high + 1.5) + rng.uniform(0, 6))
    mirrored = cv2.remap(np.ascontiguousarray(image), x - offset_x + torn, y - offset_y, cv2.INTER_LINEAR)
    strength = rng.uniform(0.05, 0.3) * np.clip(1.15 - (y - ymax) / (high + 1), 0, 1)[..., None]
    below = (y > ymax - 0.12 * high)[..., None]
    region = region + below * strength * (mirrored[..., :3] - region * mirrored[..., 3:])
    picture[rows, columns] = np.clip(region, 0, 1)


def _overlap(box: tuple[float, float, float, float], other: Truth) -> float:
    """The shared area over the smaller area of the two."""
    wide = min(box[2], other.xmax) - max(box[0], other.xmin)
    high = min(box[3], other.ymax) - max(box[1], other.ymin)
    if wide <= 0 or high <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]), (other.xmax - other.xmin) * (other.ymax - other.ymin))
    return wide * high / smaller


def main() -> None:
    """Writes some pictures and their truth into a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and their truth")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=900_000, help="seed of the first picture")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        made = make_picture(seed)
        cv2.imwrite(str(arguments.out / f"river-{seed}.png"), made.bgr)
        truth = json.dumps([piece.as_detection() for piece in made.litter], indent=2)
        (arguments.out / f"river-{seed}.json").write_text(truth + "\n", encoding="utf-8")
    print(f"{arguments.count} pictures in {arguments.out}")


if __name__ == "__main__":
    main()
