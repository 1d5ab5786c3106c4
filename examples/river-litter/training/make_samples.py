"""Chooses the pictures of `samples/`: new ones in which the exported detector finds every piece and nothing else.

    uv run training/make_samples.py

They show what the service answers and hold it to that, on any processor; how good the detector is, evaluate.py says,
which does not choose. The expected detections beside them are the truth, as `river_images.py` drew it.
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

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from toc_build.runtime import iou_matrix

from evaluate import boxes
from river_images import LABELS, make_picture

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scoring"))

from detector import THRESHOLD, Detector  # noqa: E402

FIRST_SEED = 900_000  # neither training nor evaluation comes here
SEARCHED = 400  # seeds for each picture
# Name -> size of the picture, and how many pieces are to float in it.
PICTURES = {"bridge": ((640, 480), 4), "weir": ((800, 600), 5), "towpath": ((480, 640), 3), "ferry": ((640, 360), 4)}
# Far enough from the threshold that another processor's rounding, or another picture format, changes nothing.
CLEAR_SCORE, CLEAR_OVERLAP, SILENT_SCORE = 0.58, 0.65, THRESHOLD - 0.1


def is_clear(detector: Detector, jpeg: bytes, truth: list[dict[str, object]]) -> bool:
    """Whether the detector finds each piece clearly, with its label, and nothing else, not even faintly."""
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    found = detector.predict(bgr, SILENT_SCORE)
    if len(found) != len(truth) or min(each.score or 0 for each in found) < CLEAR_SCORE:
        return False
    true_boxes = [[piece[edge] for edge in ("xmin", "ymin", "xmax", "ymax")] for piece in truth]
    shared = iou_matrix(true_boxes, boxes(found))
    best = shared.argmax(axis=1)
    labels = [found[index].label for index in best] == [piece["label"] for piece in truth]
    return labels and len(set(best)) == len(truth) and bool((shared.max(axis=1) > CLEAR_OVERLAP).all())


def main() -> int:
    """Searches seeds in order, writes the first clear picture for each name."""
    detector = Detector(HERE.parent / "model" / "saved_model", LABELS)
    samples = HERE.parent / "samples"
    samples.mkdir(exist_ok=True)
    seen: set[str] = set()
    for number, (name, (size, pieces)) in enumerate(PICTURES.items()):
        start = FIRST_SEED + number * SEARCHED
        for seed in range(start, start + SEARCHED):
            picture = make_picture(seed, size, pieces=pieces)
            truth = [piece.as_detection() for piece in picture.litter]
            jpeg = cv2.imencode(".jpg", picture.bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
            labels = {piece.label for piece in picture.litter}
            varied = len(labels) >= 2 and (number < len(PICTURES) - 1 or seen | labels == set(LABELS))
            if len(truth) == pieces and varied and is_clear(detector, jpeg, truth):
                break
        else:
            print(f"no clear picture for {name} in seeds {start} to {start + SEARCHED}", file=sys.stderr)
            return 1
        seen |= labels
        (samples / f"{name}.jpg").write_bytes(jpeg)
        (samples / f"{name}.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
        print(f"{name}: seed {seed}, {len(jpeg) / 1000:.0f} kB, {', '.join(str(piece['label']) for piece in truth)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
