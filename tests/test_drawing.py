"""Drawing: judged by the pixels it changes."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from toc_build import drawing
from toc_build.drawing import caption, draw_detections, label_colour
from toc_build.runtime import Detection


def detection(xmin=40, xmax=140, ymin=60, ymax=120, label="bottle", score=0.9) -> Detection:
    return Detection(xmin, xmax, ymin, ymax, label, score)


def grey(width=320, height=240, value=128):
    return np.full((height, width, 3), value, np.uint8)


def pixels_of(image, colour):
    """Rows and columns of the pixels that have exactly this colour."""
    return np.argwhere((image == np.array(colour, np.uint8)).all(axis=2))


def test_the_box_is_drawn_where_the_detection_says():
    drawn = draw_detections(grey(), [detection()])

    colour = label_colour("bottle")
    for row, column in [(60, 90), (119, 90), (90, 40), (90, 139)]:  # the middle of each side
        assert tuple(drawn[row, column]) == colour
    assert (drawn[70:110, 50:130] == 128).all()  # nothing inside
    assert (drawn[130:, :] == 128).all()  # nothing below


def test_the_image_itself_is_left_alone():
    image = grey()

    drawn = draw_detections(image, [detection()])

    assert (image == 128).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8


def test_nothing_found_draws_nothing():
    assert (draw_detections(grey(), []) == 128).all()


@pytest.mark.parametrize("value", [0, 255])
def test_the_box_stands_out_on_any_ground(value):
    drawn = draw_detections(grey(value=value), [detection()]).astype(int)

    outline = np.abs(drawn[90, 30:50] - value).max(axis=1)
    assert outline.max() > 80


def test_a_line_on_its_own_colour_has_an_edge():
    image = np.full((240, 320, 3), label_colour("bottle"), np.uint8)

    drawn = draw_detections(image, [detection()])

    assert (drawn[90, 36:44] == 0).all(axis=1).any()


@pytest.mark.parametrize(
    "labels",
    [
        ("bottle", "can", "bag", "polystyrene"),
        ("person", "cup", "cat", "motorcycle"),
        ("red", "green", "white"),
    ],
)
def test_labels_have_colours_that_differ(labels):
    for one, other in itertools.combinations(labels, 2):
        apart = np.abs(np.subtract(label_colour(one), label_colour(other))).max()
        assert apart > 40, (one, other)


def test_a_label_keeps_its_colour_whatever_else_is_drawn():
    alone = draw_detections(grey(), [detection()])
    together = draw_detections(grey(), [detection(label="can", xmin=200, xmax=300), detection()])

    assert tuple(alone[119, 90]) == tuple(together[119, 90]) == label_colour("bottle")


def test_the_caption_is_readable():
    drawn = draw_detections(grey(), [detection()])

    plate = drawn[60 - 12 : 60 - 4, 46:90].astype(int) @ (0.114, 0.587, 0.299)
    assert plate.max() - plate.min() > 100


def test_the_caption_of_a_box_at_the_upper_edge_is_inside():
    drawn = draw_detections(grey(), [detection(ymin=0, ymax=120)])

    assert len(pixels_of(drawn[:20], label_colour("bottle"))) > 400


def test_the_caption_of_a_box_at_the_right_edge_is_not_cut():
    at_the_edge = draw_detections(grey(), [detection(xmin=300, xmax=320, label="polystyrene")])
    with_room = draw_detections(grey(), [detection(xmin=20, xmax=40, label="polystyrene")])

    colour = label_colour("polystyrene")
    widths = [np.ptp(pixels_of(drawn[40:55], colour)[:, 1]) for drawn in (at_the_edge, with_room)]
    assert widths[0] == widths[1] > 60


def test_lines_and_letters_grow_with_the_image():
    small, large = grey(320, 240), grey(3200, 2400)
    box = detection()
    tenfold = Detection(400, 1400, 600, 1200, "bottle", 0.9)

    changed = [
        (drawn != 128).any(axis=2).mean()
        for drawn in (draw_detections(small, [box]), draw_detections(large, [tenfold]))
    ]

    assert changed[1] == pytest.approx(changed[0], rel=0.8)


def test_the_best_detection_is_on_top():
    worse, better = detection(label="can", score=0.5), detection(label="bottle", score=0.8)

    for order in ([worse, better], [better, worse]):
        assert tuple(draw_detections(grey(), order)[119, 90]) == label_colour("bottle")


@pytest.mark.parametrize(
    "box",
    [
        (-50, 40, -30, 60),
        (300, 5000, 200, 9000),
        (-1e12, 1e12, -1e12, 1e12),
        (400, 500, 10, 20),
        (0, 320, 0, 240),
    ],
    ids=["above left", "below right", "huge", "outside", "whole image"],
)
def test_boxes_that_leave_the_image_are_cut_off(box):
    xmin, xmax, ymin, ymax = box

    drawn = draw_detections(grey(), [Detection(xmin, xmax, ymin, ymax, "bottle", 0.5)])

    assert drawn.shape == (240, 320, 3)
    assert len(pixels_of(drawn, label_colour("bottle"))) > 0


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 400), (400, 7)])
def test_images_smaller_than_the_caption_are_drawn(width, height):
    drawn = draw_detections(grey(width, height), [Detection(0, width, 0, height, "polystyrene", 1.0)])

    assert drawn.shape == (height, width, 3)
    assert (drawn != 128).any()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3)),
        np.zeros((0, 5, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "empty"],
)
def test_what_is_no_bgr_image_is_refused(image):
    with pytest.raises(ValueError, match="height x width x 3"):
        draw_detections(image, [])


def test_a_view_with_gaps_is_drawn_too():
    image = np.full((240, 640, 3), 128, np.uint8)[:, ::2]

    drawn = draw_detections(image, [detection()])

    assert drawn.flags.c_contiguous
    assert tuple(drawn[119, 90]) == label_colour("bottle")


@pytest.mark.parametrize(
    ("label", "score", "text"),
    [
        ("bottle", 0.912, "bottle 0.91"),
        ("bottle", None, "bottle"),
        ("two\nlines\t", 0.5, "two lines 0.50"),
        ("", 0.5, "0.50"),
    ],
)
def test_the_caption_says_label_and_score(label, score, text):
    assert caption(detection(label=label, score=score)) == text


def test_letters_beyond_ascii_stay_where_opencv_draws_them(monkeypatch):
    monkeypatch.setattr(drawing, "_DRAWS_UNICODE", True)

    assert caption(detection(label="Tüte 瓶", score=None)) == "Tüte 瓶"


def test_letters_beyond_ascii_are_made_plain_where_opencv_does_not(monkeypatch):
    monkeypatch.setattr(drawing, "_DRAWS_UNICODE", False)

    assert caption(detection(label="Tüte 瓶 crème", score=None)) == "Tute ? creme"


def test_this_opencv_is_told_apart_rightly():
    """Two letters that are no ASCII look alike only where OpenCV draws question marks for both."""
    pictures = []
    for text in ("ü", "ж"):
        picture = np.zeros((40, 60, 3), np.uint8)
        cv2.putText(picture, text, (5, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 1)
        pictures.append(picture)

    assert (pictures[0] != pictures[1]).any() == drawing._DRAWS_UNICODE
