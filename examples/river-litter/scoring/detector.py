"""The detector: finds bottles, cans, bags and polystyrene in pictures of rivers.

score.py makes one Detector when the server starts and calls `predict` for every posted image. The model is a small CNN
trained on synthetic pictures alone (`training/`): a demonstration, not fit to judge a real river.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from toc_build.runtime import Detection, letterbox, nms, unletterbox

INPUT_SIZE = 640  # pixels: every image is brought to this size, so that litter is as large as in training
THRESHOLD = 0.4  # the score from which on a find is answered; training/evaluation.json says what that costs
OVERLAP = 0.5  # boxes that share more than this (IoU) are one piece of litter


class Detector:
    """Finds litter.

    Args:
        path: the SavedModel's folder.
        labels: the labels of deploy.yml: bottle, can, bag, polystyrene, in the order of the model's classes.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.model = tf.saved_model.load(str(path))
        self.graph = self.model.signatures["serving_default"]

    def predict(self, bgr: np.ndarray, threshold: float = THRESHOLD) -> list[Detection]:
        """What is in one image.

        Args:
            bgr: height x width x 3, uint8, in OpenCV's order of channels.
            threshold: the lowest score to answer.

        Returns:
            The detections, best first; boxes in pixels of this image.
        """
        boxed, geometry = letterbox(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), INPUT_SIZE)
        found = self.graph(picture=tf.constant(boxed[np.newaxis], tf.float32))
        scores = found["scores"].numpy()[0]
        above = scores >= threshold
        scores, classes = scores[above], found["labels"].numpy()[0][above]
        boxes = unletterbox(found["boxes"].numpy()[0][above], geometry)  # now in pixels of the image, and inside it
        return [
            Detection(
                xmin=xmin,
                xmax=xmax,
                ymin=ymin,
                ymax=ymax,
                label=self.labels[classes[index]],
                score=float(scores[index]),
            )
            for index in nms(boxes, scores, iou_threshold=OVERLAP)
            for xmin, ymin, xmax, ymax in [boxes[index].tolist()]
            if xmin < xmax and ymin < ymax  # a box in the letterbox's padding has nothing left
        ]
