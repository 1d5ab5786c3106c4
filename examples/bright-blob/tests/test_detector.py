"""The detector by itself, without a server. `nox -s test` also puts the whole service through its contract."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from toc_build.runtime import Detection, iou_matrix, load_settings, model_path

from detector import Detector

BGR = {"red": (40, 30, 255), "green": (95, 240, 40), "white": (225, 245, 255)}


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(model_path("lights.json"), load_settings().labels)


def corners(found: list[Detection]) -> np.ndarray:
    """Boxes as an N x 4 array: xmin, ymin, xmax, ymax."""
    return np.array([(each.xmin, each.ymin, each.xmax, each.ymax) for each in found], float).reshape(-1, 4)


def test_it_finds_every_light_of_a_sample_and_its_colour(detector: Detector, any_sample: Path) -> None:
    expected = [Detection(**each) for each in json.loads(any_sample.with_suffix(".json").read_text(encoding="utf-8"))]

    found = detector.predict(cv2.imread(str(any_sample)))

    assert len(found) == len(expected)
    if expected:
        overlaps = iou_matrix(corners(expected), corners(found))
        assert (overlaps.max(axis=1) > 0.7).all()
        assert [found[best].label for best in overlaps.argmax(axis=1)] == [each.label for each in expected]


@pytest.mark.parametrize("label", BGR)
@pytest.mark.parametrize(("width", "height"), [(300, 200), (1600, 900), (4000, 3000)])
def test_size_of_the_image_does_not_matter(detector: Detector, label: str, width: int, height: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    radius = max(width // 100, 4)
    cv2.circle(image, (width // 3, height // 2), radius, BGR[label], cv2.FILLED)

    (found,) = detector.predict(image)

    disc = [[width // 3 - radius, height // 2 - radius, width // 3 + radius + 1, height // 2 + radius + 1]]
    assert found.label == label
    assert iou_matrix(disc, corners([found]))[0, 0] > 0.7


def test_a_brighter_light_has_a_better_score(detector: Detector) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (100, 150), 8, (110, 110, 110), cv2.FILLED)
    cv2.circle(image, (300, 150), 8, (250, 250, 250), cv2.FILLED)

    bright, faint = detector.predict(image)

    assert bright.xmin > faint.xmin
    assert 0 <= faint.score < bright.score <= 1


def test_daylight_is_no_light(detector: Detector) -> None:
    assert detector.predict(np.full((480, 640, 3), 230, np.uint8)) == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 900), (1201, 35), (333, 251)])
def test_boxes_stay_inside_images_of_odd_sizes(detector: Detector, width: int, height: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 3, : width // 3] = 255  # a bright corner

    for each in detector.predict(image):
        assert 0 <= each.xmin < each.xmax <= width
        assert 0 <= each.ymin < each.ymax <= height


def test_a_colour_that_deploy_yml_does_not_declare_is_refused() -> None:
    with pytest.raises(ValueError, match="green"):
        Detector(model_path("lights.json"), ["red", "white"])
