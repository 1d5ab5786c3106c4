"""A small model repository written on the spot: bright things on a dark ground, numpy and OpenCV only."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

DEPLOY = """\
service:
  name: bright-things
  description: Finds bright things on a dark ground
  owner: tests
model:
  name: bright-things
  framework: custom
  path: model
  labels: [thing]
targets:
  local:
    port: 8890
    readiness_seconds: 60
"""
CONDA = """\
name: bright-things
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - azureml-inference-server-http>=1.5,<2
      - numpy>=1.26,<2.3.3
      - opencv-python-headless>=4.10
"""
SCORE = '''\
"""Scoring script."""

from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
from detector import Detector

from toc_build.runtime import RequestHandler, load_settings, model_path


def init():
    """Loads the model."""
    global handler
    detector = Detector(model_path("threshold.json"))
    handler = RequestHandler(lambda image: detector.predict(image.bgr), load_settings())


@rawhttp
def run(request):
    """Answers one request."""
    answer = handler(request)
    return AMLResponse(answer.body, answer.status, answer.headers)
'''
DETECTOR = '''\
"""Bright things by a threshold."""

import json

import cv2

from toc_build.runtime import Detection

LABEL = "thing"


class Detector:
    """Finds bright things."""

    def __init__(self, path):
        self.threshold = json.loads(path.read_text())["threshold"]

    def predict(self, bgr):
        """Detections in an H x W x 3 uint8 image."""
        mask = (bgr.max(axis=2) > self.threshold).astype("uint8")
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        return [
            Detection(xmin=x, xmax=x + w, ymin=y, ymax=y + h, label=LABEL, score=0.9)
            for x, y, w, h, area in stats[1:count].tolist()
            if area > 20
        ]
'''
TEST = '''\
"""The detector on its sample."""

from pathlib import Path

import cv2
from detector import Detector

from toc_build.runtime import model_path


def test_sample():
    image = cv2.imread(str(Path(__file__).parent.parent / "samples" / "two.png"))
    assert len(Detector(model_path("threshold.json")).predict(image)) == 2
'''


def write_model_repository(
    folder: Path, *, name: str = "bright-things", port: int = 8890, python: str = "3.11"
) -> Path:
    """Writes a whole model repository without a lock into `folder` and returns it."""
    image = np.full((240, 320, 3), 20, np.uint8)
    cv2.circle(image, (80, 100), 25, (240, 240, 240), -1)
    cv2.rectangle(image, (200, 60), (259, 119), (250, 250, 250), -1)
    files = {
        "deploy.yml": DEPLOY.replace("bright-things", name).replace("8890", str(port)),
        "conda.yml": CONDA.replace("3.11", python),
        "scoring/score.py": SCORE,
        "scoring/detector.py": DETECTOR,
        "model/threshold.json": '{"threshold": 128}\n',
        "samples/two.json": json.dumps(
            [
                {"xmin": 55, "xmax": 106, "ymin": 75, "ymax": 126, "label": "thing"},
                {"xmin": 200, "xmax": 260, "ymin": 60, "ymax": 120, "label": "thing"},
            ]
        ),
        "tests/test_detector.py": TEST,
        "pytest.ini": "[pytest]\npythonpath = scoring\n",
    }
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    cv2.imwrite(str(folder / "samples" / "two.png"), image)
    return folder
