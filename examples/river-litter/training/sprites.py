"""Things that float: four kinds of litter, and what a river carries that is no litter.

`river_images.py` calls the functions of `LITTER` and `DISTRACTORS`; each draws one new thing by chance.
A sprite is RGBA, float32, 0 to 1, alpha not premultiplied, drawn large so that it can be turned and shrunk cleanly.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from water import fractal_noise

Sprite = NDArray[np.float32]
Mask = NDArray[np.float32]
Colour = tuple[float, float, float]

CANVAS = 240  # pixels: side of the square a sprite is drawn on, its long side fills most of it


def _polygon(points: NDArray[np.float32]) -> Mask:
    """Coverage of a polygon on the canvas, anti-aliased."""
    mask = np.zeros((CANVAS, CANVAS), np.float32)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), 0.7)


def _blank() -> Sprite:
    return np.zeros((CANVAS, CANVAS, 4), np.float32)


def _paint(sprite: Sprite, mask: Mask, colour: NDArray[np.float32] | Colour, opacity: float = 1.0) -> None:
    """Lays `colour` (one colour, or a picture) over the sprite where `mask` says, in place."""
    cover = (mask * opacity)[..., None]
    alpha = sprite[..., 3:] + cover * (1 - sprite[..., 3:])
    over = np.asarray(colour, np.float32) * cover + sprite[..., :3] * sprite[..., 3:] * (1 - cover)
    sprite[..., :3] = np.where(alpha > 1e-4, over / np.maximum(alpha, 1e-4), 0.0)
    sprite[..., 3:] = alpha


def _vivid(rng: np.random.Generator, low: float = 0.45, high: float = 0.95) -> Colour:
    """A printed colour: what labels, caps and cans are painted with."""
    return colorsys.hsv_to_rgb(rng.uniform(0, 1), rng.uniform(0.55, 1.0), rng.uniform(low, high))


def _grid() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coordinates over the canvas, -1 to 1: x to the right, y downwards."""
    y, x = np.mgrid[-1 : 1 : CANVAS * 1j, -1 : 1 : CANVAS * 1j].astype(np.float32)
    return x, y


def _on_canvas(points: list[tuple[float, float]]) -> NDArray[np.float32]:
    """Points given in -1 to 1 as canvas pixels."""
    return ((np.array(points, np.float32) + 1) / 2 * (CANVAS - 1)).astype(np.float32)


def bottle(rng: np.random.Generator) -> Sprite:
    """A drinks bottle on its side, neck to the right: clear, tinted or filled, mostly with cap and label."""
    sprite = _blank()
    x, y = _grid()
    half = rng.uniform(0.24, 0.33)
    neck, shoulder = half * rng.uniform(0.3, 0.42), rng.uniform(0.32, 0.5)
    throat = rng.uniform(0.62, 0.72)
    outline = [(-0.9, -half * 0.86), (-0.84, -half), (shoulder - 0.12, -half)]
    for step in np.linspace(0, 1, 7):
        ease = (1 - np.cos(np.pi * step)) / 2
        outline.append((shoulder - 0.1 + (throat - shoulder + 0.1) * step, -half + (half - neck) * ease))
    outline.append((0.8, -neck))
    outline += [(px, -py) for px, py in reversed(outline)]
    shape = _polygon(_on_canvas(outline))
    tint = (
        (0.80, 0.88, 0.92), (0.55, 0.75, 0.92), (0.35, 0.70, 0.40), (0.10, 0.40, 0.16), (0.36, 0.20, 0.07),
        (0.90, 0.92, 0.90), (0.95, 0.95, 0.93),
    )[rng.integers(7)]  # fmt: skip
    roundness = np.sqrt(np.clip(1 - (y / half) ** 2, 0, 1))
    shade = (0.45 + 0.6 * roundness)[..., None]
    _paint(sprite, shape, np.asarray(tint, np.float32) * shade, rng.uniform(0.6, 0.92))
    rim = np.clip(shape - cv2.erode(shape, np.ones((7, 7), np.uint8)), 0, 1)
    _paint(sprite, rim, tuple(0.6 * c for c in tint), 0.55)
    if rng.random() < 0.5:  # ribs
        ribs = shape * (np.cos(x * rng.uniform(40, 60)) > 0.75) * (x < shoulder - 0.1)
        _paint(sprite, cv2.GaussianBlur(ribs.astype(np.float32), (0, 0), 1.0), tuple(0.55 * c for c in tint), 0.4)
    if rng.random() < 0.75:
        left = rng.uniform(-0.6, -0.35)
        right = left + rng.uniform(0.35, 0.7)
        band = shape * ((x > left) & (x < min(right, shoulder - 0.08)))
        label = _vivid(rng) if rng.random() < 0.75 else (0.92, 0.92, 0.9)
        _paint(sprite, band, np.asarray(label, np.float32) * shade, 0.95)
        middle, width = (left + right) / 2, rng.uniform(0.05, 0.16)
        print_on = band * (np.abs(x - middle) < width) * (np.abs(y) < half * rng.uniform(0.35, 0.8))
        _paint(sprite, print_on, np.asarray(_vivid(rng, 0.2, 1.0), np.float32) * shade, 0.9)
    cap = _polygon(_on_canvas([(0.76, -neck * 1.25), (0.94, -neck * 1.25), (0.94, neck * 1.25), (0.76, neck * 1.25)]))
    if rng.random() < 0.8:
        colour = ((0.1, 0.25, 0.7), (0.8, 0.1, 0.1), (0.92, 0.92, 0.92), (0.1, 0.5, 0.2), (0.95, 0.6, 0.1))
        _paint(sprite, cap, np.asarray(colour[rng.integers(5)], np.float32) * (0.5 + 0.6 * roundness)[..., None])
    for _ in range(2):  # light along the length
        at, thick = rng.uniform(-0.75, 0.1) * half, half * rng.uniform(0.05, 0.14)
        streak = np.exp(-(((y - at) / thick) ** 2)) * shape * (x > -0.82) * (x < rng.uniform(0.3, 0.7))
        _paint(sprite, streak.astype(np.float32), (1.0, 1.0, 1.0), rng.uniform(0.4, 0.85))
    return sprite


def can(rng: np.random.Generator) -> Sprite:
    """A drinks can, lid to the right: printed or bare, sometimes dented."""
    sprite = _blank()
    x, y = _grid()
    half = rng.uniform(0.42, 0.52)
    lid = half * rng.uniform(0.22, 0.55)  # half width of the ellipse that the round end shows
    body_points = [(-0.82, -half * 0.88), (-0.74, -half), (0.62, -half), (0.72, -half * 0.9)]
    body_points += [(px, -py) for px, py in reversed(body_points)]
    points = np.array(body_points, np.float32)
    bottom_bulge = [(-0.82 - 0.5 * lid * np.sin(a), half * 0.88 * np.cos(a)) for a in np.linspace(0, np.pi, 9)]
    shape = np.maximum(_polygon(_on_canvas([tuple(p) for p in points])), _polygon(_on_canvas(bottom_bulge)))
    if rng.random() < 0.35:  # crushed in the middle
        pinch = rng.uniform(0.12, 0.3) * np.exp(-(((x - rng.uniform(-0.4, 0.3)) / 0.22) ** 2))
        shape = shape * np.clip((half * (1 - pinch) - np.abs(y)) * CANVAS / 3 + 0.5, 0, 1)
    roundness = np.sqrt(np.clip(1 - (y / (half * 1.02)) ** 2, 0, 1))
    gleam = np.exp(-(((y + half * rng.uniform(0.2, 0.6)) / (half * 0.22)) ** 2))
    shade = (0.32 + 0.62 * roundness + rng.uniform(0.2, 0.5) * gleam)[..., None].astype(np.float32)
    paint = _vivid(rng) if rng.random() < 0.8 else (0.78, 0.79, 0.80)
    _paint(sprite, shape, np.asarray(paint, np.float32) * shade)
    second = _vivid(rng, 0.2, 1.0) if rng.random() < 0.6 else (0.95, 0.95, 0.95)
    design = rng.integers(4)
    if design == 0:  # a wave along the can
        curve = half * rng.uniform(0.1, 0.35) * np.sin(x * rng.uniform(2, 4) + rng.uniform(0, 6))
        drawn = np.abs(y - curve) < half * rng.uniform(0.1, 0.28)
    elif design == 1:  # rings
        drawn = (np.abs(x + 0.62) < 0.07) | (np.abs(x - 0.5) < 0.07)
    elif design == 2:  # a badge
        drawn = ((x + 0.05) / rng.uniform(0.2, 0.4)) ** 2 + (y / (half * rng.uniform(0.4, 0.75))) ** 2 < 1
    else:  # half and half
        drawn = x < rng.uniform(-0.4, 0.2)
    _paint(sprite, shape * drawn.astype(np.float32), np.asarray(second, np.float32) * shade, 0.95)
    for place in (-0.8, 0.64):  # bare metal at both ends
        ring = shape * (np.abs(x - place) < 0.06)
        _paint(sprite, ring.astype(np.float32), np.float32((0.75, 0.76, 0.78)) * shade, 0.9)
    angles = np.linspace(0, 2 * np.pi, 40)
    top = _polygon(_on_canvas([(0.7 + lid * np.cos(a), half * 0.88 * np.sin(a)) for a in angles]))
    inner = _polygon(_on_canvas([(0.71 + lid * 0.8 * np.cos(a), half * 0.74 * np.sin(a)) for a in angles]))
    metal = np.float32((0.74, 0.75, 0.77)) * (0.75 + 0.3 * y / half)[..., None]
    _paint(sprite, top, np.float32((0.86, 0.87, 0.89)))
    _paint(sprite, inner, metal.astype(np.float32))
    hole = _polygon(_on_canvas([(0.71 + lid * (0.3 * np.cos(a)), half * (0.3 + 0.2 * np.sin(a))) for a in angles]))
    if rng.random() < 0.8:
        _paint(sprite, hole, (0.05, 0.05, 0.05), 0.9)
    tab = _polygon(_on_canvas([(0.71 + lid * 0.22 * np.cos(a), half * (-0.1 + 0.2 * np.sin(a))) for a in angles]))
    _paint(sprite, tab, (0.58, 0.59, 0.61), 0.9)
    return sprite


def bag(rng: np.random.Generator) -> Sprite:
    """A plastic bag, air under it: soft outline, creases, often two handles, partly see-through."""
    sprite = _blank()
    count = 28
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = 0.66 + 0.1 * np.convolve(rng.normal(0, 1, count + 4), np.ones(5) / 5, "valid")
    radius = radius * (1 + 0.06 * rng.normal(0, 1, count))
    squash = rng.uniform(0.6, 0.95)
    outline = np.stack([radius * np.cos(angles), squash * radius * np.sin(angles)], 1)
    shape = _polygon(_on_canvas([tuple(p) for p in np.clip(outline, -0.95, 0.95)]))
    if rng.random() < 0.65:  # handles
        for side in (-1, 1):
            loop = np.zeros_like(shape)
            centre = (int(CANVAS * (0.5 + 0.33)), int(CANVAS * (0.5 + side * rng.uniform(0.1, 0.2))))
            axes = (int(CANVAS * rng.uniform(0.1, 0.15)), int(CANVAS * rng.uniform(0.04, 0.08)))
            cv2.ellipse(loop, centre, axes, rng.uniform(-35, 35), 0, 360, 1.0, int(rng.integers(6, 12)), cv2.LINE_AA)
            shape = np.maximum(shape, loop)
    colour = (
        (0.93, 0.94, 0.95), (0.90, 0.92, 0.92), (0.80, 0.86, 0.90), (0.35, 0.60, 0.85), (0.10, 0.10, 0.11),
        (0.90, 0.55, 0.62), (0.95, 0.80, 0.25), (0.35, 0.72, 0.45), (0.85, 0.30, 0.15),
    )[rng.integers(9)]  # fmt: skip
    folds = fractal_noise(rng, CANVAS, CANVAS, cells=rng.uniform(2.0, 3.5), octaves=4)
    folds = 1 - np.abs(2 * folds - 1)  # ridges, as a filled bag has
    right, down = cv2.Sobel(folds, cv2.CV_32F, 1, 0, ksize=5), cv2.Sobel(folds, cv2.CV_32F, 0, 1, ksize=5)
    light = (right - 0.7 * down) / (np.std(right) + 1e-6)
    x, y = _grid()
    dome = np.sqrt(np.clip(1.15 - x * x - (y / squash) ** 2, 0.05, 1))
    relief = np.clip(0.5 + 0.42 * dome + rng.uniform(0.07, 0.14) * light - 0.12 * y, 0.3, 1.25)
    sheen = np.clip((light - 1.7) * 0.7, 0, 1) * shape
    dark = sum(colour) < 1
    base = np.asarray(colour, np.float32) * relief[..., None]
    _paint(sprite, shape, base + (0.06 if dark else 0.0), rng.uniform(0.8, 0.98))
    _paint(sprite, sheen.astype(np.float32), (1.0, 1.0, 1.0), 0.55 if dark else 0.8)
    creases = np.clip((folds - 0.95) * 20, 0, 1) * shape
    _paint(sprite, creases.astype(np.float32), tuple(0.55 * c for c in colour), 0.45)
    if rng.random() < 0.35:  # a shop's print
        badge = (np.abs(x + 0.1) < rng.uniform(0.15, 0.3)) & (np.abs(y) < rng.uniform(0.08, 0.2))
        _paint(sprite, badge.astype(np.float32) * shape, np.asarray(_vivid(rng), np.float32) * relief[..., None], 0.85)
    return sprite


def polystyrene(rng: np.random.Generator) -> Sprite:
    """A broken block of foam: angular, chalk white, beaded, with a lit top and a darker side."""
    sprite = _blank()
    count = int(rng.integers(4, 7))
    angles = np.sort((np.arange(count) + rng.uniform(-0.28, 0.28, count)) * 2 * np.pi / count)
    wide, high = 0.8, rng.uniform(0.4, 0.7)
    corners = np.stack([wide * np.cos(angles), high * np.sin(angles)], 1) * rng.uniform(0.85, 1.1, (count, 1))
    corners = np.clip(corners, -0.9, 0.9)
    crumbled: list[tuple[float, float]] = []
    for start, end in zip(corners, np.roll(corners, -1, 0), strict=True):
        for step in np.linspace(0, 1, 9)[:-1]:
            point = start + (end - start) * step + rng.normal(0, 0.012, 2)
            crumbled.append((float(point[0]), float(point[1])))
    top = np.array(crumbled, np.float32)
    thickness = rng.uniform(0.12, 0.34)
    top[:, 1] -= thickness / 2
    side = cv2.convexHull(np.concatenate([top, top + (0, thickness)]).astype(np.float32))[:, 0]
    dirt = np.float32(rng.choice((1.0, 0.95, 0.85))) * np.float32((1.0, 0.99, rng.uniform(0.88, 0.98)))
    beads = cv2.GaussianBlur(rng.random((CANVAS, CANVAS), dtype=np.float32), (0, 0), rng.uniform(1.6, 3.0))
    beads = (beads - beads.mean()) / (beads.std() + 1e-6)
    stains = 0.9 + 0.16 * fractal_noise(rng, CANVAS, CANVAS, cells=4)
    _paint(sprite, _polygon(_on_canvas([tuple(p) for p in side])), dirt * (0.62 + 0.05 * beads)[..., None])
    _paint(
        sprite,
        _polygon(_on_canvas([tuple(p) for p in top])),
        np.clip(dirt * (stains * 0.96 + 0.035 * beads)[..., None], 0, 1).astype(np.float32),
    )
    return sprite


def leaf(rng: np.random.Generator) -> Sprite:
    """A fallen leaf: pointed, yellow to brown, with a midrib."""
    sprite = _blank()
    t = np.linspace(-0.9, 0.9, 24)
    belly = rng.uniform(0.2, 0.42) * np.cos(t / 0.9 * np.pi / 2) ** rng.uniform(0.7, 1.2)
    bend = rng.uniform(-0.2, 0.2) * (t**2)
    outline = [(a, b + c) for a, b, c in zip(t, belly, bend, strict=True)]
    outline += [(a, -b + c) for a, b, c in zip(t[::-1], belly[::-1], bend[::-1], strict=True)]
    hue, value = rng.uniform(0.04, 0.27), rng.uniform(0.25, 0.75)
    colour = np.asarray(colorsys.hsv_to_rgb(hue, rng.uniform(0.5, 0.9), value), np.float32)
    mottled = 0.7 + 0.6 * fractal_noise(rng, CANVAS, CANVAS, cells=5)
    _paint(sprite, _polygon(_on_canvas(outline)), colour * mottled[..., None])
    rib = np.zeros((CANVAS, CANVAS), np.float32)
    middle = _on_canvas(list(zip(t, bend, strict=True)))
    cv2.polylines(rib, [np.round(middle).astype(np.int32)], False, 1.0, 3, cv2.LINE_AA)
    _paint(sprite, rib, tuple(float(c) * 0.6 for c in colour), 0.8)
    return sprite


def stick(rng: np.random.Generator) -> Sprite:
    """A bare branch with a twig or two."""
    sprite = _blank()
    mask = np.zeros((CANVAS, CANVAS), np.float32)
    t = np.linspace(-0.92, 0.92, 12)
    bend = np.cumsum(rng.normal(0, 0.025, 12)) + rng.uniform(-0.15, 0.15) * t**2
    spine = _on_canvas(list(zip(t, bend - bend.mean(), strict=True)))
    thick = int(rng.integers(6, 17))
    cv2.polylines(mask, [np.round(spine).astype(np.int32)], False, 1.0, thick, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 3))):
        root = spine[rng.integers(3, 9)]
        tip = root + CANVAS * np.array((rng.uniform(0.08, 0.2), rng.uniform(-0.2, 0.2)))
        cv2.line(mask, tuple(int(v) for v in root), tuple(int(v) for v in tip), 1.0, max(2, thick // 2), cv2.LINE_AA)
    bark = np.float32((0.27, 0.20, 0.13)) * np.float32(rng.uniform(0.5, 1.7))
    grain = 0.55 + 0.9 * fractal_noise(rng, CANVAS, CANVAS, cells=14, octaves=2, stretch=4)
    _paint(sprite, mask, bark * grain[..., None])
    return sprite


def foam(rng: np.random.Generator) -> Sprite:
    """A patch of natural foam: a lace of bubbles, soft where polystyrene is hard."""
    sprite = _blank()
    x, y = _grid()
    patch = fractal_noise(rng, CANVAS, CANVAS, cells=4, octaves=4, stretch=1.6)
    patch = np.clip((patch - 0.42 - 0.45 * (x * x + (y / 0.6) ** 2)) * 7 + 0.6, 0, 1)
    holes = np.zeros((CANVAS, CANVAS), np.float32)
    for _ in range(140):
        place = tuple(int(v) for v in rng.integers(0, CANVAS, 2))
        cv2.circle(holes, place, int(rng.integers(2, 8)), 1.0, int(rng.choice((-1, 1))), cv2.LINE_AA)
    alpha = patch * (1 - 0.75 * holes) * rng.uniform(0.45, 0.9)
    _paint(sprite, alpha.astype(np.float32), (0.92, 0.92, 0.86))
    return sprite


def stone(rng: np.random.Generator) -> Sprite:
    """A stone that breaks the surface, wet below."""
    sprite = _blank()
    x, y = _grid()
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    radius = 0.75 + 0.07 * np.convolve(rng.normal(0, 1, 18), np.ones(3) / 3, "valid")
    high = rng.uniform(0.45, 0.8)
    outline = [(float(r * np.cos(a)), float(high * r * np.sin(a))) for r, a in zip(radius, angles, strict=True)]
    colour = np.float32((0.42, 0.40, 0.36)) * np.float32(rng.uniform(0.4, 1.1))
    rough = 0.55 + 0.8 * fractal_noise(rng, CANVAS, CANVAS, cells=6, octaves=5)
    light = np.clip(0.85 - 0.55 * y - 0.15 * x, 0.2, 1.4)
    _paint(sprite, _polygon(_on_canvas(outline)), colour * (rough * light)[..., None])
    return sprite


SpriteMaker = Callable[[np.random.Generator], Sprite]

# Kind -> how it is drawn and how long it is, in metres.
LITTER: dict[str, tuple[SpriteMaker, tuple[float, float]]] = {
    "bottle": (bottle, (0.20, 0.34)),
    "can": (can, (0.13, 0.19)),
    "bag": (bag, (0.24, 0.46)),
    "polystyrene": (polystyrene, (0.13, 0.42)),
}
DISTRACTORS: dict[str, tuple[SpriteMaker, tuple[float, float]]] = {
    "leaf": (leaf, (0.05, 0.13)),
    "stick": (stick, (0.15, 0.7)),
    "foam": (foam, (0.12, 0.6)),
    "stone": (stone, (0.15, 0.6)),
}
