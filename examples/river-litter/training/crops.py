"""What the network is trained on: crops of river pictures, and the maps that it is to answer with.

`train.py` calls these. NumPy and OpenCV only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np
from numpy.typing import NDArray

from river_images import LABELS, REFERENCE_SIDE, SIZES, make_picture

TRAINING_SIZES = tuple(size for size in SIZES if max(size) <= 800)  # larger ones only take longer
STRIDE = 8  # the network answers for cells of 8 x 8 pixels

Scene = tuple[NDArray[np.uint8], NDArray[np.float32]]
Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def make_scene(seed: int) -> Scene:
    """A river picture as the scoring script shows it to the network: the longer side REFERENCE_SIDE pixels.

    It holds more litter than the pictures that are posted, so that there is more to learn in each crop.

    Returns:
        RGB uint8 (height, width, 3), and boxes (pieces, 5): xmin, ymin, xmax, ymax, index into LABELS.
    """
    cv2.setNumThreads(1)  # there are as many processes as processors
    chance = np.random.default_rng(seed)
    size = TRAINING_SIZES[chance.integers(len(TRAINING_SIZES))]
    made = make_picture(seed, size, pieces=int(chance.integers(4, 16)))
    height, width = made.bgr.shape[:2]
    zoom = REFERENCE_SIDE / max(height, width)
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    rgb = cv2.resize(made.bgr[..., ::-1], (round(width * zoom), round(height * zoom)), interpolation=way)
    boxes = [(p.xmin * zoom, p.ymin * zoom, p.xmax * zoom, p.ymax * zoom, LABELS.index(p.label)) for p in made.litter]
    return np.ascontiguousarray(rgb), np.array(boxes, np.float32).reshape(-1, 5)


def make_scenes(seeds: Iterable[int], processes: int) -> list[Scene]:
    """Many scenes, on several processors, in the order of `seeds`."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(make_scene, seeds, chunksize=8))


def random_crop(rng: np.random.Generator, scene: Scene, side: int) -> Scene:
    """A crop with chance in its place, scale, mirroring and colour.

    Args:
        rng: the source of chance.
        scene: from `make_scene`.
        side: width and height of the crop in pixels.

    Returns:
        RGB float32 (side, side, 3) as uint8, and the boxes in it; a piece cut to less than a third is dropped.
    """
    picture, boxes = scene
    height, width = picture.shape[:2]
    scale = float(np.exp(rng.uniform(-0.2, 0.2)))
    if len(boxes) and rng.random() < 0.8:  # look where there is litter
        box = boxes[rng.integers(len(boxes))]
        centre = (box[:2] + box[2:4]) / 2 + rng.uniform(-0.45, 0.45, 2) * side / scale
    else:
        centre = rng.uniform((0, 0), (width, height))
    corner = centre - side / scale / 2
    corner = np.clip(corner, -16, np.maximum(np.array((width, height)) - side / scale + 16, -16))
    move = np.array(((scale, 0, -corner[0] * scale), (0, scale, -corner[1] * scale)))
    grey = (114, 114, 114)  # what letterbox fills the rest with
    crop = cv2.warpAffine(picture, move, (side, side), flags=cv2.INTER_LINEAR, borderValue=grey)
    moved = boxes.copy()
    moved[:, :4] = (boxes[:, :4] - np.tile(corner, 2)) * scale
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
        moved[:, (0, 2)] = side - moved[:, (2, 0)]
    inside = moved.copy()
    inside[:, :4] = np.clip(moved[:, :4], 0, side)
    area = (moved[:, 2] - moved[:, 0]) * (moved[:, 3] - moved[:, 1])
    left = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1])
    kept = inside[left > area / 3]
    return _recolour(rng, crop), kept


def _recolour(rng: np.random.Generator, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Other light, another white balance, now and then a coarser JPEG than the one posted."""
    gain = (1 + rng.normal(0, 0.05, 3)) * rng.uniform(0.8, 1.2)
    colours = crop * gain.astype(np.float32) + np.float32(rng.uniform(-14, 14))
    if rng.random() < 0.05:
        colours = np.repeat(colours.mean(2, keepdims=True), 3, 2)
    changed = np.clip(colours, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 95))]
        changed = cv2.imdecode(cv2.imencode(".jpg", changed, quality)[1], cv2.IMREAD_COLOR)
    return changed


def targets(boxes: NDArray[np.float32], side: int) -> tuple[NDArray[np.float32], ...]:
    """The maps that answer for `boxes` without a fault.

    Args:
        boxes: (pieces, 5) as from `random_crop`.
        side: width and height of the crop in pixels.

    Returns:
        heat (cells, cells, labels), 1 in the cell of a centre and falling off around it;
        box (cells, cells, 4): the centre's distance from the cell's middle in cells, and log of the size in cells;
        weight (cells, cells, 1): how much each cell's box counts.
    """
    cells = side // STRIDE
    heat = np.zeros((cells, cells, len(LABELS)), np.float32)
    box = np.zeros((cells, cells, 4), np.float32)
    weight = np.zeros((cells, cells, 1), np.float32)
    y, x = np.mgrid[0:cells, 0:cells].astype(np.float32)
    # The smaller piece last: where two overlap, its centre is the one that is easily lost.
    for xmin, ymin, xmax, ymax, label in sorted(boxes.tolist(), key=lambda b: (b[0] - b[2]) * (b[3] - b[1])):
        wide, high = (xmax - xmin) / STRIDE, (ymax - ymin) / STRIDE
        at_x, at_y = (xmin + xmax) / 2 / STRIDE, (ymin + ymax) / 2 / STRIDE
        column, row = min(int(at_x), cells - 1), min(int(at_y), cells - 1)
        spread_x, spread_y = max(0.55, 0.11 * wide), max(0.55, 0.11 * high)
        bump = np.exp(-(((x - column) / spread_x) ** 2 + ((y - row) / spread_y) ** 2) / 2)
        heat[..., int(label)] = np.maximum(heat[..., int(label)], bump)
        near = bump > 0.3
        box[near, 0], box[near, 1] = at_x - 0.5 - x[near], at_y - 0.5 - y[near]
        box[near, 2:] = np.log(max(wide, 0.1)), np.log(max(high, 0.1))
        weight[near, 0] = bump[near]
    return heat, box, weight


def batches(rng: np.random.Generator, scenes: list[Scene], *, side: int, size: int, count: int) -> Iterator[Batch]:
    """`count` batches of `size` crops: pictures (size, side, side, 3) from 0 to 255, then the three target maps."""
    for _ in range(count):
        rows = []
        for index in rng.integers(0, len(scenes), size):
            crop, boxes = random_crop(rng, scenes[index], side)
            rows.append((crop.astype(np.float32), *targets(boxes, side)))
        pictures, heat, box, weight = (np.stack(part) for part in zip(*rows, strict=True))
        yield pictures, heat, box, weight
