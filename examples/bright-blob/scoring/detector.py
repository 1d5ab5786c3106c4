"""The detector: finds the lights of ships at night, and tells red, green and white apart.

score.py makes one Detector when the server starts and calls `predict` for every posted image. There is no network in
it: an adaptive threshold finds what is brighter than its surroundings, and the hue around it gives the label. The
thresholds are the model, in `model/lights.json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from toc_build.runtime import Detection


class Detector:
    """Finds lights.

    Args:
        path: the JSON file of parameters.
        labels: the labels of deploy.yml: white, and the colours that the parameters name a hue for.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        parameters = json.loads(path.read_text(encoding="utf-8"))
        self.side = int(parameters["side"])  # pixels: a larger image is looked at in this size
        self.surroundings = int(parameters["surroundings"])  # pixels: how wide a light's surroundings are
        self.contrast = float(parameters["contrast"])  # 0 to 255: how much brighter than them a light is
        self.smallest = int(parameters["smallest"])  # pixels: less is a star or noise
        self.white_below = float(parameters["white_below_saturation"])
        self.hues: dict[str, float] = parameters["hues"]  # degrees on the colour circle
        unknown = {"white", *self.hues} - set(labels)
        if unknown:
            raise ValueError(f"{path.name} names {', '.join(sorted(unknown))}, which deploy.yml does not declare")

    def predict(self, bgr: np.ndarray) -> list[Detection]:
        """What is in one image.

        Args:
            bgr: height x width x 3, uint8, in OpenCV's order of channels.

        Returns:
            The detections, best first; boxes in pixels of this image.
        """
        height, width = bgr.shape[:2]
        shrink = min(1.0, self.side / max(height, width))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
        across, down = width / size[0], height / size[1]  # pixels of the image for one that is looked at
        brightness = small.max(axis=2).astype(np.float32)
        contrast = brightness - cv2.blur(brightness, (self.surroundings, self.surroundings))
        mask = (contrast > self.contrast).astype(np.uint8)
        count, lights, stats, _ = cv2.connectedComponentsWithStats(mask)
        found = []
        for light in range(1, count):  # 0 is the night
            left, top, columns, rows, area = (int(value) for value in stats[light])
            if area < self.smallest:
                continue
            here = lights == light
            # Twice the contrast asked for is 0.75, four times 0.94.
            score = 1 - 0.5 ** (2 * float(contrast[here].mean()) / self.contrast - 2)
            found.append(
                Detection(
                    xmin=left * across,
                    xmax=min((left + columns) * across, width),
                    ymin=top * down,
                    ymax=min((top + rows) * down, height),
                    label=self.colour(small, here),
                    score=score,
                )
            )
        return sorted(found, key=lambda detection: detection.score or 0.0, reverse=True)

    def colour(self, bgr: np.ndarray, here: np.ndarray) -> str:
        """The label of one light.

        Args:
            bgr: height x width x 3, uint8.
            here: height x width, where the light is; a camera shows its middle white, so its rim counts most.
        """
        light = bgr[here].astype(np.float32)
        spread = light.max(axis=1) - light.min(axis=1)
        blue, green, red = np.average(light, axis=0, weights=spread + 1) / 255
        strongest, weakest = max(blue, green, red), min(blue, green, red)
        if strongest - weakest < self.white_below * strongest:
            return "white"
        # Hue as an angle: red lies at 0, green at 120, blue at 240 degrees.
        hue = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
        return min(self.hues, key=lambda name: abs((hue - self.hues[name] + 180) % 360 - 180))
