"""The river itself: a water surface, its banks, the light on it, and the camera that looks down on it.

`river_images.py` calls `render_river` for the empty river and then floats sprites on it.
All pictures here are RGB, float32, 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

# What a river looks like from a bridge: the colour of the water itself, and of what it mirrors.
WATER_COLOURS = (
    (0.16, 0.20, 0.13),  # green, weedy
    (0.22, 0.19, 0.12),  # brown, after rain
    (0.10, 0.17, 0.19),  # blue-green, deep
    (0.15, 0.16, 0.15),  # grey, overcast
    (0.27, 0.24, 0.16),  # silty
    (0.07, 0.11, 0.10),  # dark, shaded
)
SKY_COLOURS = (
    (0.72, 0.80, 0.88),  # hazy
    (0.50, 0.66, 0.86),  # blue
    (0.78, 0.79, 0.79),  # overcast
    (0.90, 0.82, 0.70),  # low sun
)
BANK_COLOURS = (
    (0.20, 0.27, 0.10),  # grass
    (0.13, 0.19, 0.09),  # bushes
    (0.33, 0.27, 0.19),  # mud
    (0.38, 0.36, 0.32),  # stones
)


@dataclass(frozen=True)
class Camera:
    """A camera over the river.

    Attributes:
        width, height: size of the picture in pixels.
        horizon: row of the horizon, in pixels; above the picture, so negative.
        pixels_per_metre: scale in the middle row of the picture.
    """

    width: int
    height: int
    horizon: float
    pixels_per_metre: float

    def scale_at(self, row: float) -> float:
        """Pixels per metre for something that floats at `row`."""
        return self.pixels_per_metre * (row - self.horizon) / (self.height / 2 - self.horizon)


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, *, cells: float, octaves: int = 4, stretch: float = 1.0
) -> Picture:
    """Smooth noise, shape (height, width), mean about 0.5, range 0 to 1.

    Args:
        rng: the source of chance.
        height, width: the shape asked for.
        cells: how many blobs fit along the height at the coarsest octave.
        octaves: how many times finer detail is added.
        stretch: how many times wider than high the blobs are (water is stretched, sand is not).
    """
    total = np.zeros((height, width), np.float32)
    weight = 0.0
    for octave in range(octaves):
        rows = max(2, round(cells * 2**octave))
        columns = max(2, round(cells * 2**octave * width / height / stretch))
        grid = rng.random((rows + 2, columns + 2), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
        weight += 0.5**octave
    return np.clip(total / weight, 0.0, 1.0)


def _slopes(rng: np.random.Generator, camera: Camera) -> tuple[Picture, Picture]:
    """Slopes of the water surface towards the right and away from the camera, each (height, width)."""
    rows = np.arange(camera.height, dtype=np.float32)[:, None]
    columns = np.arange(camera.width, dtype=np.float32)[None, :]
    scale = np.float32(1.0) * camera.pixels_per_metre * (rows - camera.horizon)
    scale = scale / (camera.height / 2 - camera.horizon)
    x = (columns - camera.width / 2) / scale
    # Depth: integrating 1/scale over the rows, foreshortened by how flat the camera looks at the water.
    flatness = rng.uniform(1.3, 2.6)
    z = -flatness * (camera.height / 2 - camera.horizon) / camera.pixels_per_metre * np.log(rows - camera.horizon)
    z = z.astype(np.float32)

    right = np.zeros((camera.height, camera.width), np.float32)
    away = np.zeros_like(right)
    wind = rng.uniform(-np.pi, np.pi)
    roughness = rng.uniform(0.035, 0.11)
    bend_x = fractal_noise(rng, camera.height, camera.width, cells=3, octaves=2) * rng.uniform(0.1, 0.5)
    bend_z = fractal_noise(rng, camera.height, camera.width, cells=3, octaves=2) * rng.uniform(0.1, 0.5)
    x, z = x + bend_x, z + bend_z
    waves = 18
    for index in range(waves):
        wavelength = 1.6 * (0.045 / 1.6) ** ((index + rng.uniform(0, 1)) / waves)
        number = 2 * math.pi / wavelength
        direction = wind + rng.normal(0, 0.55)
        phase = number * (math.cos(direction) * x + math.sin(direction) * z) + rng.uniform(0, 2 * np.pi)
        # A wave shorter than about three pixels would only alias.
        seen = np.clip(wavelength * scale / flatness / 3.0 - 1.0, 0.0, 1.0)
        slope = np.cos(phase) * (roughness * rng.uniform(0.5, 1.4) * wavelength**0.12) * seen
        right += slope * math.cos(direction)
        away += slope * math.sin(direction)
    # Calm and ruffled patches, as gusts leave them.
    gusts = 0.35 + 1.1 * fractal_noise(rng, camera.height, camera.width, cells=2, octaves=3, stretch=2.5)
    return right * gusts, away * gusts


def render_river(rng: np.random.Generator, camera: Camera) -> tuple[Picture, NDArray[np.bool_]]:
    """An empty river.

    Args:
        rng: the source of chance.
        camera: where it is seen from.

    Returns:
        The picture (height, width, 3), and where there is water and not bank (height, width).
    """
    height, width = camera.height, camera.width
    right, away = _slopes(rng, camera)
    body = np.array(WATER_COLOURS[rng.integers(len(WATER_COLOURS))], np.float32)
    body = np.clip(body * rng.uniform(0.75, 1.35) + rng.normal(0, 0.008, 3), 0.02, 0.6).astype(np.float32)
    sky = np.array(SKY_COLOURS[rng.integers(len(SKY_COLOURS))], np.float32) * np.float32(rng.uniform(0.65, 1.05))
    trees = np.array(BANK_COLOURS[rng.integers(2)], np.float32) * np.float32(rng.uniform(0.35, 0.8))

    # How flat the line of sight meets the water: steep at the lower edge, flat at the upper.
    down = (np.arange(height, dtype=np.float32)[:, None] - camera.horizon) / (height - camera.horizon)
    grazing = np.clip(1.05 - 0.75 * down, 0.05, 1.0)
    facing = np.clip(1.0 - grazing - 1.6 * away, 0.03, 1.0)
    mirror = np.clip(0.03 + 0.95 * (1.0 - facing) ** rng.uniform(2.6, 4.2), 0.0, 0.95)

    # What is mirrored: trees on the far bank low down, sky above them; the waves mix the two.
    elevation = 0.25 + 0.55 * down + 2.4 * away + 0.5 * right
    treeline = rng.uniform(-0.2, 0.65) + 0.25 * (fractal_noise(rng, 8, width, cells=2, octaves=3)[4:5] - 0.5)
    above = np.clip((elevation - treeline) / rng.uniform(0.05, 0.25), 0.0, 1.0)[..., None]
    clouds = fractal_noise(rng, height, width, cells=2, octaves=3, stretch=1.5)[..., None] * 0.25 + 0.85
    mirrored = trees * (1 - above) + sky * clouds * above

    turbid = 0.75 + 0.5 * fractal_noise(rng, height, width, cells=1.5, octaves=4, stretch=2.0)[..., None]
    lit = 1.0 + (1.3 * right * rng.choice((-1, 1)) + 0.9 * away)[..., None]
    picture = body * turbid * lit * (1 - mirror[..., None]) + mirrored * mirror[..., None]

    if rng.random() < 0.6:  # the sun: sparkles where the slope throws it at the camera
        sun_right, sun_away = rng.normal(0, 0.10), rng.uniform(0.02, 0.28)
        off = ((right - sun_right) ** 2 + (away - sun_away) ** 2) / rng.uniform(0.0004, 0.0022)
        streak = np.exp(-(((np.arange(width) / width - rng.uniform(0, 1)) / rng.uniform(0.2, 0.8)) ** 2))
        sparkle = np.exp(-off) * streak[None, :] * rng.uniform(0.4, 1.3)
        picture = picture + sparkle[..., None].astype(np.float32) * np.array((1.0, 0.97, 0.9), np.float32)

    water = np.ones((height, width), np.bool_)
    if rng.random() < 0.4:
        picture, water = _add_bank(rng, camera, picture)
    return np.clip(picture, 0.0, 1.0).astype(np.float32), water


def _add_bank(rng: np.random.Generator, camera: Camera, picture: Picture) -> tuple[Picture, NDArray[np.bool_]]:
    """A bank along the upper edge or one side, with its shadow on the water.

    Returns:
        The picture and the mask of what is still water.
    """
    height, width = camera.height, camera.width
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    wobble = (fractal_noise(rng, height, width, cells=3, octaves=4) - 0.5) * 0.16
    if rng.random() < 0.6:
        edge = rng.uniform(0.06, 0.22) + rng.uniform(-0.12, 0.12) * (columns / width - 0.5)
        depth = edge - rows / height + wobble  # more than 0: on the bank
    else:
        across = columns / width if rng.random() < 0.5 else 1.0 - columns / width
        depth = rng.uniform(0.05, 0.2) + rng.uniform(-0.2, 0.2) * (rows / height - 0.5) - across + wobble
    colour = np.array(BANK_COLOURS[rng.integers(len(BANK_COLOURS))], np.float32) * np.float32(rng.uniform(0.7, 1.3))
    coarse = fractal_noise(rng, height, width, cells=6, octaves=5)
    fine = rng.random((height, width), dtype=np.float32)
    fine = cv2.GaussianBlur(fine, (0, 0), 0.8)
    texture = 0.35 + 0.9 * coarse + 1.2 * (fine - 0.5)
    bank = colour * texture[..., None]
    if colour[1] > colour[0]:  # grass and bushes: blades
        blades = cv2.filter2D(fine, -1, _blade_kernel(rng))
        bank = bank * (0.55 + 6.0 * np.clip(blades - 0.45, 0, 0.16))[..., None]
    wet = np.clip(depth / 0.02, 0.0, 1.0)[..., None]
    bank = bank * (0.45 + 0.55 * wet)
    shadow = np.clip(1.0 + depth / rng.uniform(0.08, 0.3), 0.0, 1.0)[..., None] * rng.uniform(0.2, 0.6)
    picture = picture * (1 - shadow) + picture * colour * 1.6 * shadow
    on_bank = np.clip(depth / 0.006 + 0.5, 0.0, 1.0)[..., None]
    # Nothing floats right at the edge: keep a margin of the picture's height.
    return (picture * (1 - on_bank) + bank * on_bank).astype(np.float32), depth < -0.02


def _blade_kernel(rng: np.random.Generator) -> Picture:
    """A short slanted streak that turns noise into grass."""
    kernel = np.zeros((15, 15), np.float32)
    lean = int(rng.integers(-4, 5))
    cv2.line(kernel, (7, 14), (7 + lean, 0), 1.0, 1, cv2.LINE_AA)
    return kernel / kernel.sum()


def finish(rng: np.random.Generator, picture: Picture) -> NDArray[np.uint8]:
    """What a camera adds: exposure, white balance, vignette, a little blur, noise; then 8 bits, BGR.

    Args:
        rng: the source of chance.
        picture: RGB (height, width, 3).

    Returns:
        BGR uint8 of the same height and width.
    """
    height, width = picture.shape[:2]
    balance = 1.0 + rng.normal(0, 0.022, 3).astype(np.float32)
    picture = picture * balance * np.float32(rng.uniform(0.85, 1.35))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    picture = picture * (1.0 - rng.uniform(0.0, 0.18) * (x * x + y * y))[..., None]
    picture = np.clip(picture, 0.0, 1.0) ** np.float32(rng.uniform(0.72, 0.95))
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 0.8))
    grain = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0.003, 0.018))
    return np.ascontiguousarray(np.clip((picture + grain) * 255.0 + 0.5, 0, 255).astype(np.uint8)[..., ::-1])
