"""Measures the exported detector on pictures that it was not trained on, as they are posted: whole, and as JPEG.

    uv run training/evaluate.py

Writes `evaluation.json` and `MODEL_CARD.md` beside this file.
"""
# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = [
#     "tensorflow-cpu>=2.21,<2.22", "numpy>=1.26,<2.3.3", "opencv-python-headless>=4.10", "toc-build",
# ]
# [tool.uv.sources]
# toc-build = { path = "../../.." }
# ///

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from toc_build.runtime import Detection, iou_matrix

from river_images import LABELS, REFERENCE_SIDE, SIZES, RiverPicture, make_picture
from train import EPOCHS, SIDE, TRAINING_SEEDS

HERE = Path(__file__).parent
FIRST_SEED = 100_000  # training ends before; samples/ begin after
LOWEST_SCORE = 0.02  # average precision looks at all finds, down to here
OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True)
class Judged:
    """What a detector answered to one picture, and what is in it."""

    answered: Sequence[Detection]
    truth: Sequence[Detection]


def posted(picture: RiverPicture) -> NDArray[np.uint8]:
    """The picture as a service sees it: through a JPEG of quality 90."""
    return cv2.imdecode(cv2.imencode(".jpg", picture.bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)


def boxes(detections: Sequence[Detection]) -> NDArray[np.float64]:
    """Boxes as an N x 4 array: xmin, ymin, xmax, ymax."""
    return np.array([(d.xmin, d.ymin, d.xmax, d.ymax) for d in detections], float).reshape(-1, 4)


def hits(judged: Judged, label: str, overlap: float) -> tuple[list[float], list[bool], int]:
    """Scores of one label's finds, best first, whether each is right, and how many pieces there are.

    A find is right when its IoU with a piece that no better find has taken is at least `overlap`.
    """
    found = sorted((d for d in judged.answered if d.label == label), key=lambda d: -(d.score or 0))
    truth = [d for d in judged.truth if d.label == label]
    shared = iou_matrix(boxes(found), boxes(truth))
    right = []
    for row in range(len(found)):
        best = int(shared[row].argmax()) if truth else -1
        right.append(bool(truth) and shared[row, best] >= overlap)
        if right[-1]:
            shared[:, best] = -1.0
    return [d.score or 0.0 for d in found], right, len(truth)


def average_precision(judged: Sequence[Judged], label: str, overlap: float) -> float:
    """COCO's average precision: the precision at 101 levels of recall, each the best at that recall or a higher."""
    counted = [hits(each, label, overlap) for each in judged]
    scores = np.array([score for found, _, _ in counted for score in found])
    right = np.array([hit for _, found, _ in counted for hit in found], bool)[np.argsort(-scores, kind="stable")]
    pieces = sum(count for _, _, count in counted)
    if not pieces or not right.size:
        return 0.0
    good = np.cumsum(right)
    recall, precision = good / pieces, good / np.arange(1, len(good) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.where(at < len(precision), precision[np.minimum(at, len(precision) - 1)], 0.0).mean())


def precision_and_recall(judged: Sequence[Judged], threshold: float) -> tuple[float, float]:
    """Of all finds from `threshold` on, the share that is right; of all pieces, the share that is found (IoU 0.5)."""
    kept = [Judged([d for d in each.answered if (d.score or 0) >= threshold], each.truth) for each in judged]
    right = found = pieces = 0
    for each in kept:
        for label in LABELS:
            scores, correct, count = hits(each, label, 0.5)
            right, found, pieces = right + sum(correct), found + len(scores), pieces + count
    return float(right / max(found, 1)), float(right / max(pieces, 1))


def measure(judged: Sequence[Judged], threshold: float) -> dict[str, object]:
    """All figures, rounded to what they are worth."""
    table = {label: [average_precision(judged, label, overlap) for overlap in OVERLAPS] for label in LABELS}
    precision, recall = precision_and_recall(judged, threshold)
    return {
        "pictures": len(judged),
        "pieces": sum(len(each.truth) for each in judged),
        "map50": round(float(np.mean([row[0] for row in table.values()])), 3),
        "map50_95": round(float(np.mean([np.mean(row) for row in table.values()])), 3),
        "ap50": {label: round(row[0], 3) for label, row in table.items()},
        "threshold": threshold,
        "precision": round(precision, 3),
        "recall": round(recall, 3),
    }


def model_card(figures: dict[str, object], parameters: int) -> str:
    """The figures in words, for whoever thinks of using the model.

    Args:
        figures: from `measure`.
        parameters: how many numbers the network has learned.
    """
    per_label = figures["ap50"]
    assert isinstance(per_label, dict)
    rows = "\n".join(f"| {label} | {value:.3f} |" for label, value in per_label.items())
    sizes = ", ".join(f"{width} x {height}" for width, height in SIZES)
    return f"""# River litter, synthetic

**Not for use on real rivers.** The model has never seen a photograph: it was trained and measured on pictures that
`river_images.py` draws. On photographs of real water its scores mean nothing. It is here so that there is a real model
to deploy.

- What it is: a residual CNN of {parameters:,} parameters that marks the centre of each piece (CenterNet's way), as a
  SavedModel. Input: RGB, 0 to 255, {REFERENCE_SIDE} x {REFERENCE_SIDE} after letterboxing. Output: 100 boxes with score
  and label.
- Trained by `train.py` on the pictures of seeds {TRAINING_SEEDS[0]} to {TRAINING_SEEDS[-1]}, {EPOCHS} epochs, in crops
  of {SIDE} x {SIDE} pixels.
- Measured by `evaluate.py` on {figures["pictures"]} whole pictures of seeds from {FIRST_SEED:,} on, with
  {figures["pieces"]} pieces of litter, as JPEG of quality 90, sizes {sizes}; through the code that serves it.

| figure | value |
|---|---|
| mAP at IoU 0.5 | {figures["map50"]:.3f} |
| mAP at IoU 0.5 to 0.95 | {figures["map50_95"]:.3f} |
| precision from score {figures["threshold"]} on | {figures["precision"]:.3f} |
| recall from score {figures["threshold"]} on | {figures["recall"]:.3f} |

| label | average precision at IoU 0.5 |
|---|---|
{rows}

It misses pieces that are mostly under water, and takes a patch of foam or a bag for polystyrene now and then.
"""


def main() -> None:
    """Makes the pictures, asks the detector, writes the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="how many pictures")
    parser.add_argument("--model", type=Path, default=HERE.parent / "model" / "saved_model")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for evaluation.json and MODEL_CARD.md")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        pictures = list(pool.map(make_picture, range(FIRST_SEED, FIRST_SEED + arguments.count), chunksize=8))

    sys.path.insert(0, str(HERE.parent / "scoring"))
    from detector import THRESHOLD, Detector  # only now: the processes above need no TensorFlow

    detector = Detector(arguments.model, LABELS)
    judged = [
        Judged(
            detector.predict(posted(picture), LOWEST_SCORE),
            [Detection(p.xmin, p.xmax, p.ymin, p.ymax, p.label) for p in picture.litter],
        )
        for picture in pictures
    ]
    figures = measure(judged, THRESHOLD)
    parameters = sum(int(np.prod(each.shape)) for each in detector.graph.variables)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=2)
    (arguments.out / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (arguments.out / "MODEL_CARD.md").write_text(model_card(figures, parameters), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
