"""What the network is trained on: crops keep their boxes, and the maps say where the centres are."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def crops(script):
    return script("river-litter/training/crops.py")


def test_a_centre_is_hot_in_its_own_cell_and_map(crops):
    heat, box, weight = crops.targets(np.array([[40, 60, 80, 76, 2]], np.float32), 96)

    assert np.argwhere(heat == 1.0).tolist() == [[8, 7, 2]]  # the middle, (60, 68), in cells of 8
    assert heat[..., [0, 1, 3]].max() == 0
    assert weight[8, 7, 0] == 1
    assert weight[0, 0, 0] == 0
    x, y, width, height = box[8, 7]
    assert (x, y) == pytest.approx((60 / 8 - 7.5, 68 / 8 - 8.5))
    assert (np.exp(width) * 8, np.exp(height) * 8) == pytest.approx((40, 16))


def test_every_weighted_cell_leads_to_the_same_box(crops):
    _, box, weight = crops.targets(np.array([[10, 20, 90, 80, 0]], np.float32), 96)

    for row, column in np.argwhere(weight[..., 0] > 0):
        x, y, width, height = box[row, column]
        centre = ((column + 0.5 + x) * 8, (row + 0.5 + y) * 8)
        assert centre == pytest.approx((50, 50), abs=1e-3)
        assert (np.exp(width) * 8, np.exp(height) * 8) == pytest.approx((80, 60), abs=1e-3)


def test_a_crop_without_litter_has_cold_maps(crops):
    heat, _, weight = crops.targets(np.zeros((0, 5), np.float32), 96)

    assert heat.shape == (12, 12, 4)
    assert heat.max() == weight.max() == 0


def test_boxes_follow_the_pixels_into_the_crop(crops):
    """A white block on black: after the crop's move, its box must still be where the white is."""
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[100:160, 150:240] = 255
    scene = picture, np.array([[150, 100, 240, 160, 1]], np.float32)
    seen = 0
    for seed in range(30):
        crop, boxes = crops.random_crop(np.random.default_rng(seed), scene, 192)
        assert crop.shape == (192, 192, 3)
        # Where the block is cut, the grey around the picture can be as bright as a darkened block.
        if len(boxes) == 0 or boxes[0, :4].min() < 2 or boxes[0, :4].max() > 190:
            continue
        xmin, ymin, xmax, ymax, label = boxes[0]
        rows, columns = np.nonzero(crop.min(axis=2) > 135)
        assert label == 1
        assert (columns.min(), rows.min()) == pytest.approx((xmin, ymin), abs=2)
        assert (columns.max() + 1, rows.max() + 1) == pytest.approx((xmax, ymax), abs=2)
        seen += 1
    assert seen >= 8
