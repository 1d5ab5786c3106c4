"""The detector by itself, without a server. `nox -s test` also puts the whole service through its contract."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from toc_build.runtime import Detection, iou_matrix, load_settings, model_path

from detector import THRESHOLD, Detector


@pytest.fixture(scope="module")
def detector() -> Detector:
    """One detector for all tests: loading takes longer than predicting."""
    return Detector(model_path("saved_model"), load_settings().labels)


def corners(found: list[Detection]) -> np.ndarray:
    """Boxes as an N x 4 array: xmin, ymin, xmax, ymax."""
    return np.array([(each.xmin, each.ymin, each.xmax, each.ymax) for each in found], float).reshape(-1, 4)


def test_it_finds_every_piece_of_a_sample_and_nothing_else(detector: Detector, any_sample: Path) -> None:
    expected = [Detection(**each) for each in json.loads(any_sample.with_suffix(".json").read_text(encoding="utf-8"))]

    found = detector.predict(cv2.imread(str(any_sample)))

    overlaps = iou_matrix(corners(expected), corners(found))
    assert len(found) == len(expected)
    assert (overlaps.max(axis=1) > 0.6).all()
    assert [found[best].label for best in overlaps.argmax(axis=1)] == [each.label for each in expected]


@pytest.mark.parametrize("zoom", [0.75, 2.5])
def test_the_size_of_the_picture_does_not_matter(detector: Detector, sample: Path, zoom: float) -> None:
    picture = cv2.imread(str(sample))
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    expected = [Detection(**each) for each in json.loads(sample.with_suffix(".json").read_text(encoding="utf-8"))]

    found = detector.predict(cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=way))

    overlaps = iou_matrix(zoom * corners(expected), corners(found))
    assert (overlaps.max(axis=1) > 0.6).all()


def test_a_mirrored_picture_has_mirrored_boxes(detector: Detector, sample: Path) -> None:
    picture = cv2.imread(str(sample))
    boxes = corners(detector.predict(picture))
    mirrored = boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (picture.shape[1], 0, picture.shape[1], 0)

    found = detector.predict(np.ascontiguousarray(picture[:, ::-1]))

    assert (iou_matrix(mirrored, corners(found)).max(axis=1) > 0.6).all()


def test_detections_come_best_first_and_above_the_threshold(detector: Detector, sample: Path) -> None:
    scores = [each.score for each in detector.predict(cv2.imread(str(sample)))]

    assert scores == sorted(scores, reverse=True)
    assert all(THRESHOLD <= score <= 1 for score in scores)


def test_a_lower_threshold_answers_more(detector: Detector, sample: Path) -> None:
    picture = cv2.imread(str(sample))

    assert len(detector.predict(picture, 0.01)) > len(detector.predict(picture))


def test_it_finds_nothing_in_an_empty_image(detector: Detector) -> None:
    assert detector.predict(np.zeros((480, 640, 3), np.uint8)) == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 900), (1201, 35), (333, 251)])
def test_boxes_stay_inside_images_of_odd_sizes(detector: Detector, width: int, height: int, sample: Path) -> None:
    image = cv2.resize(cv2.imread(str(sample)), (width, height), interpolation=cv2.INTER_AREA)

    for each in detector.predict(image, 0.05):
        assert 0 <= each.xmin < each.xmax <= width
        assert 0 <= each.ymin < each.ymax <= height
