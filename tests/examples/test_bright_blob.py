"""The bright-blob detector needs numpy and OpenCV alone, so its samples are tried here as well."""

from __future__ import annotations

import cv2
import pytest

from toc_build.contract.samples import load_samples
from toc_build.runtime import iou_matrix

LABELS = ("red", "green", "white")


def corners(detections):
    return [(each.xmin, each.ymin, each.xmax, each.ymax) for each in detections]


@pytest.fixture
def detector(script, examples):
    module = script("bright-blob/scoring/detector.py")
    return module.Detector(examples / "bright-blob/model/lights.json", LABELS)


def test_it_finds_every_light_of_its_samples(detector, examples):
    for sample in load_samples(examples / "bright-blob/samples", labels=LABELS):
        found = detector.predict(cv2.imread(str(sample.path)))

        assert len(found) == len(sample.expected)
        if found:
            overlaps = iou_matrix(corners(sample.expected), corners(found))
            assert overlaps.max(axis=1).min() > 0.7
            assert [found[best].label for best in overlaps.argmax(axis=1)] == [
                e.label for e in sample.expected
            ]


def test_it_finds_every_light_of_new_pictures(detector, script):
    night = script("bright-blob/training/make_samples.py").night

    for seed in range(100, 110):
        picture, truth = night(seed, 480, 360, 3)
        found = detector.predict(picture)
        expected = [[light[edge] for edge in ("xmin", "ymin", "xmax", "ymax")] for light in truth]
        overlaps = iou_matrix(expected, corners(found))
        assert len(found) == 3
        assert overlaps.max(axis=1).min() > 0.5
        assert [found[best].label for best in overlaps.argmax(axis=1)] == [light["label"] for light in truth]
