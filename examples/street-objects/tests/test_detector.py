"""The detector by itself, without a server. `nox -s test` also puts the whole service through its contract."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from toc_build.runtime import Detection, iou_matrix, load_settings, model_path

from detector import Detector


@pytest.fixture(scope="module")
def detector() -> Detector:
    """One detector for all tests: loading takes longer than predicting."""
    return Detector(model_path("saved_model"), load_settings().labels)


def corners(found: list[Detection]) -> np.ndarray:
    """Boxes as an N x 4 array: xmin, ymin, xmax, ymax."""
    return np.array([(each.xmin, each.ymin, each.xmax, each.ymax) for each in found], float).reshape(-1, 4)


def test_it_finds_what_a_photograph_shows(detector: Detector, any_sample: Path) -> None:
    expected = [Detection(**each) for each in json.loads(any_sample.with_suffix(".json").read_text(encoding="utf-8"))]

    found = detector.predict(cv2.imread(str(any_sample)))

    assert [each.label for each in found] == [each.label for each in expected]
    if expected:
        assert (iou_matrix(corners(expected), corners(found)).max(axis=1) > 0.8).all()


def test_a_larger_photograph_has_larger_boxes(detector: Detector, sample: Path) -> None:
    photograph = cv2.imread(str(sample))
    (small,) = detector.predict(photograph)

    (large,) = detector.predict(cv2.resize(photograph, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))

    assert iou_matrix(3 * corners([small]), corners([large]))[0, 0] > 0.9


def test_one_thing_is_answered_once(detector: Detector, any_sample: Path) -> None:
    found = detector.predict(cv2.imread(str(any_sample)))

    overlaps = iou_matrix(corners(found), corners(found))

    assert (overlaps[~np.eye(len(found), dtype=bool)] <= 0.6).all()


def test_it_finds_nothing_in_an_empty_image(detector: Detector) -> None:
    assert detector.predict(np.zeros((480, 640, 3), np.uint8)) == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 900), (1201, 35), (333, 251)])
def test_boxes_stay_inside_images_of_odd_sizes(detector: Detector, width: int, height: int, sample: Path) -> None:
    image = cv2.resize(cv2.imread(str(sample)), (width, height), interpolation=cv2.INTER_AREA)

    for each in detector.predict(image):
        assert 0 <= each.xmin < each.xmax <= width
        assert 0 <= each.ymin < each.ymax <= height


def test_labels_that_are_not_cocos_are_refused() -> None:
    with pytest.raises(ValueError, match="80"):
        Detector(model_path("saved_model"), ["person"])
