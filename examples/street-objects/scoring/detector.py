"""The detector: CenterNet on MobileNetV3, trained on COCO. It finds people and 79 other kinds of things in photographs.

score.py makes one Detector when the server starts and calls `predict` for every posted image. The weights are not in
this repository: `training/fetch_weights.py` fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from toc_build.runtime import Detection, letterbox, nms, unletterbox

INPUT_SIZE = 512  # the model takes 512 x 512 pixels
THRESHOLD = 0.35  # below this score most finds are wrong
OVERLAP = 0.6  # boxes that share more than this (IoU) are one thing, whatever their labels


class Detector:
    """Finds what COCO names.

    Args:
        path: the SavedModel's folder.
        labels: the labels of deploy.yml: COCO's 80, in COCO's order, which is the order of the model's classes.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        if len(labels) != 80:
            raise ValueError(f"deploy.yml declares {len(labels)} labels; this model has COCO's 80, in their order")
        self.labels = tuple(labels)
        self.model = tf.saved_model.load(str(path))
        self.graph = self.model.signatures["serving_default"]

    def predict(self, bgr: np.ndarray) -> list[Detection]:
        """What is in one image.

        Args:
            bgr: height x width x 3, uint8, in OpenCV's order of channels.

        Returns:
            The detections, best first; boxes in pixels of this image.
        """
        boxed, geometry = letterbox(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), INPUT_SIZE)
        rows = self.graph(picture=tf.constant(boxed[np.newaxis], tf.float32))["detections"].numpy()[0]
        # A row: xmin, ymin, xmax, ymax in pixels of the letterbox, score, class.
        rows = rows[rows[:, 4] >= THRESHOLD]
        boxes = unletterbox(rows[:, :4], geometry)  # now in pixels of the image, and inside it
        return [
            Detection(
                xmin=xmin,
                xmax=xmax,
                ymin=ymin,
                ymax=ymax,
                label=self.labels[int(rows[row, 5])],
                score=float(rows[row, 4]),
            )
            for row in nms(boxes, rows[:, 4], iou_threshold=OVERLAP)
            for xmin, ymin, xmax, ymax in [boxes[row].tolist()]
            if xmin < xmax and ymin < ymax  # a box in the letterbox's padding has nothing left
        ]
