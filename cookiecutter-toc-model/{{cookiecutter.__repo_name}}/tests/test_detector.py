"""The detector by itself, without a server. `nox -s test` also puts the whole service through its contract."""

from __future__ import annotations

import json
{%- if cookiecutter.image_form == "file" %}
import tempfile
{%- endif %}
from pathlib import Path

{% if cookiecutter.image_form != "pillow" -%}
import cv2
{% endif -%}
import numpy as np
import pytest
{%- if cookiecutter.image_form == "pillow" %}
from PIL import Image, ImageOps
{%- endif %}
from toc_build.runtime import Detection, iou_matrix, load_settings, model_path

from detector import Detector


@pytest.fixture(scope="module")
def detector() -> Detector:
    """One detector for all tests: loading takes longer than predicting."""
{%- if cookiecutter.framework == "tensorflow" %}
    return Detector(model_path("saved_model"), load_settings().labels)
{%- elif cookiecutter.framework == "litert" %}
    return Detector(model_path("blob.tflite"), load_settings().labels)
{%- elif cookiecutter.framework == "onnxruntime" %}
    return Detector(model_path("blob.onnx"), load_settings().labels)
{%- else %}
    return Detector(model_path("blob.json"), load_settings().labels)
{%- endif %}


def predict(detector: Detector, {{ "rgb" if cookiecutter.image_form == "pillow" else "bgr" }}: np.ndarray) -> list[Detection]:
    """What `detector` finds in an array (height x width x 3, uint8, {{ "RGB" if cookiecutter.image_form == "pillow" else "BGR" }}), given in the form it wants."""
{%- if cookiecutter.image_form == "opencv" %}
    return detector.predict(bgr)
{%- elif cookiecutter.image_form == "pillow" %}
    return detector.predict(Image.fromarray(rgb))
{%- elif cookiecutter.image_form == "file" %}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.png")
        path.write_bytes(cv2.imencode(".png", bgr)[1].tobytes())
        return detector.predict(path)
{%- else %}
    return detector.predict(cv2.imencode(".png", bgr)[1].tobytes())
{%- endif %}


def corners(found: list[Detection]) -> np.ndarray:
    """Boxes as an N x 4 array: xmin, ymin, xmax, ymax."""
    return np.array([(each.xmin, each.ymin, each.xmax, each.ymax) for each in found], float).reshape(-1, 4)


def test_it_finds_what_the_sample_shows(detector: Detector, sample: Path) -> None:
{%- if cookiecutter.image_form == "pillow" %}
    found = detector.predict(ImageOps.exif_transpose(Image.open(sample)))
{%- else %}
    found = predict(detector, cv2.imread(str(sample)))
{%- endif %}
    expected = [Detection(**each) for each in json.loads(sample.with_suffix(".json").read_text(encoding="utf-8"))]

    overlaps = iou_matrix(corners(expected), corners(found))

    assert len(found) == len(expected)
    assert (overlaps.max(axis=1) > 0.5).all()


def test_it_finds_nothing_in_an_empty_image(detector: Detector) -> None:
    assert predict(detector, np.zeros((480, 640, 3), np.uint8)) == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 900), (1201, 35), (333, 251)])
def test_boxes_stay_inside_images_of_odd_sizes(detector: Detector, width: int, height: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 3, : width // 3] = 255  # a bright corner

    for each in predict(detector, image):
        assert 0 <= each.xmin < each.xmax <= width
        assert 0 <= each.ymin < each.ymax <= height
        assert each.label in load_settings().labels
