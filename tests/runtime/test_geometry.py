from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toc_build.runtime import clip_boxes, iou_matrix, letterbox, nms, unletterbox

pytestmark = pytest.mark.usefixtures("codec")
_side = st.integers(1, 300)
_boxes = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 30), st.integers(0, 30)).map(
        lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
    ),
    max_size=15,
)


@given(_side, _side, _side, _side, st.booleans(), st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_boxes_go_in_and_come_back(image_width, image_height, width, height, scale_up, centre, data):
    image = np.zeros((image_height, image_width, 3), np.uint8)
    boxed, geometry = letterbox(image, (width, height), scale_up=scale_up, centre=centre)
    assert boxed.shape == (height, width, 3)
    assert boxed.dtype == np.uint8
    x = sorted(data.draw(st.lists(st.floats(0, image_width), min_size=2, max_size=2)))
    y = sorted(data.draw(st.lists(st.floats(0, image_height), min_size=2, max_size=2)))
    boxes = np.array([[x[0], y[0], x[1], y[1]], [0, 0, image_width, image_height]])
    inside = geometry.from_image(boxes)
    assert (inside >= -1e-9).all()
    assert (inside <= np.array([width, height, width, height]) + 1e-9).all()
    assert np.allclose(geometry.to_image(inside), boxes)
    assert np.allclose(unletterbox(inside, geometry, clip=False), boxes)
    everything = geometry.to_image([[0, 0, width, height]])
    assert np.allclose(everything, boxes[1:])


def test_letterbox_pads_evenly_and_fills():
    image = np.full((20, 40, 3), 200, np.uint8)
    boxed, geometry = letterbox(image, 80, fill=7)
    assert (geometry.left, geometry.top, geometry.scale_x, geometry.scale_y) == (0, 20, 2.0, 2.0)
    assert (boxed[:20] == 7).all()
    assert (boxed[20:60] == 200).all()
    assert (boxed[60:] == 7).all()
    assert boxed.flags.c_contiguous


def test_letterbox_at_the_corner_without_scaling_up():
    image = np.arange(20 * 40, dtype=np.float32).reshape(20, 40)
    boxed, geometry = letterbox(image, (100, 50), centre=False, scale_up=False)
    assert np.array_equal(boxed[:20, :40], image)
    assert (boxed[20:] == 114).all()
    assert (geometry.left, geometry.top, geometry.scale_x) == (0, 0, 1.0)
    assert boxed.dtype == np.float32


def test_letterbox_keeps_one_channel():
    assert letterbox(np.zeros((30, 10, 1), np.uint8), 64)[0].shape == (64, 64, 1)


def test_letterbox_keeps_the_picture_where_the_geometry_says():
    image = np.zeros((90, 120, 3), np.uint8)
    image[30:60, 40:80] = 255
    boxed, geometry = letterbox(image, 512, fill=0)
    ys, xs = np.nonzero(boxed[..., 0] > 127)
    found = geometry.to_image([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]])
    assert np.abs(found - [[40, 30, 80, 60]]).max() < 0.5


@pytest.mark.parametrize(
    ("shape", "size"), [((0, 5, 3), 10), ((5, 5, 3), 0), ((5,), 10), ((5, 5, 3), (10, -1))]
)
def test_letterbox_refuses(shape, size):
    with pytest.raises(ValueError, match="cannot letterbox"):
        letterbox(np.zeros(shape, np.uint8), size)


def test_clip_boxes():
    boxes = [[-5, -5, 30, 700], [10, 10, 20, 20], [700, 0, 800, 5]]
    clipped = clip_boxes(boxes, 640, 480)
    assert clipped.tolist() == [[0, 0, 30, 480], [10, 10, 20, 20], [640, 0, 640, 5]]
    assert boxes[0][0] == -5
    assert clip_boxes([], 640, 480).shape == (0, 4)
    assert clip_boxes(np.float32([[0, 0, 640.00006, 480.00003]]), 640, 480).tolist() == [[0, 0, 640, 480]]


@pytest.mark.parametrize("boxes", [[1, 2, 3, 4], [[1, 2, 3]], np.zeros((2, 2, 4))])
def test_other_shapes_are_refused(boxes):
    with pytest.raises(ValueError, match="N x 4"):
        clip_boxes(boxes, 10, 10)


def _iou(a, b) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / both if both > 0 else 0.0


@given(_boxes, _boxes)
@settings(max_examples=60, deadline=None)
def test_iou_matrix(first, second):
    found = iou_matrix(first, second)
    assert found.shape == (len(first), len(second))
    assert ((found >= 0) & (found <= 1)).all()
    assert np.allclose(found, iou_matrix(second, first).T)
    expected = [[_iou(a, b) for b in second] for a in first]
    assert np.allclose(found, np.array(expected).reshape(found.shape))
    own = iou_matrix(first, first)
    for index, box in enumerate(first):
        assert own[index, index] == (1.0 if box[0] < box[2] and box[1] < box[3] else 0.0)


def test_inverted_boxes_overlap_with_nothing():
    assert iou_matrix([[10, 10, 0, 0]], [[0, 0, 10, 10], [10, 10, 0, 0]]).tolist() == [[0, 0]]


def _slow_nms(boxes, scores, threshold, classes):
    order = sorted(range(len(boxes)), key=lambda index: (-scores[index], index))
    kept: list[int] = []
    for index in order:
        if all(_iou(boxes[index], boxes[k]) <= threshold or classes[index] != classes[k] for k in kept):
            kept.append(index)
    return kept


@given(_boxes, st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.booleans(), st.data())
@settings(max_examples=80, deadline=None)
def test_nms_is_the_plain_algorithm(boxes, threshold, with_classes, data):
    size = {"min_size": len(boxes), "max_size": len(boxes)}
    scores = data.draw(st.lists(st.sampled_from([0.1, 0.5, 0.9]), **size))
    classes = data.draw(st.lists(st.sampled_from(["a", "b"]), **size)) if with_classes else [0] * len(boxes)
    found = nms(boxes, scores, iou_threshold=threshold, classes=classes if with_classes else None)
    assert found.tolist() == _slow_nms(boxes, scores, threshold, classes)
    assert found.dtype == np.int64
    assert (
        nms(boxes, scores, iou_threshold=threshold, classes=classes, limit=2).tolist() == found.tolist()[:2]
    )


def test_nms_of_nothing():
    assert nms([], []).tolist() == []
    assert nms(np.zeros((0, 4), np.float32), np.zeros(0), classes=[]).tolist() == []


def test_nms_refuses():
    with pytest.raises(ValueError, match="2 boxes, 1 scores"):
        nms([[0, 0, 1, 1], [0, 0, 1, 1]], [0.5])
    with pytest.raises(ValueError, match="NaN"):
        nms([[0, 0, 1, 1]], [float("nan")])
