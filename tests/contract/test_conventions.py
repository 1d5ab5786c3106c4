from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toc_build.contract.conventions import diagnose_boxes, diagnose_labels
from toc_build.runtime import Detection

WIDTH, HEIGHT = 640, 400
LABELS = ("bottle", "can", "bag", "cup")
EXPECTED = [
    Detection(40, 120, 60, 90, "bottle", 0.9),
    Detection(300, 350, 200, 330, "can", 0.8),
    Detection(500, 620, 20, 110, "bottle", 0.7),
]


def rewritten(box):
    """The expected detections, with `box` applied to xmin, ymin, xmax, ymax."""
    return [
        replace(d, xmin=a, ymin=b, xmax=c, ymax=e)
        for d in EXPECTED
        for a, b, c, e in [box(d.xmin, d.ymin, d.xmax, d.ymax)]
    ]


def boxes(answered, expected=EXPECTED):
    return diagnose_boxes(expected, answered, width=WIDTH, height=HEIGHT, min_iou=0.5)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (lambda x, y, r, b: (x / WIDTH, y / HEIGHT, r / WIDTH, b / HEIGHT), "normalised to 0..1"),
        (lambda x, y, r, b: (x, y, r - x, b - y), "xywh"),
        (lambda x, y, r, b: ((x + r) / 2, (y + b) / 2, r - x, b - y), "cxcywh"),
        (lambda x, y, r, b: (y, x, b, r), "x and y swapped"),
        (lambda x, y, r, b: (r, b, x, y), "minimum and maximum exchanged"),
        (lambda x, y, r, b: (x, r, y, b), "ymin holds xmax"),
        (
            lambda x, y, r, b: (
                (x + r) / 2 / WIDTH,
                (y + b) / 2 / HEIGHT,
                (r - x) / WIDTH,
                (b - y) / HEIGHT,
            ),
            "normalised to 0..1 and like cxcywh",
        ),
        (
            lambda x, y, r, b: (x * 0.8, y * 1.28, r * 0.8, b * 1.28),
            "a 512x512 input that the image was str",
        ),
        (
            lambda x, y, r, b: (x / 2, y / 2 + 60, r / 2, b / 2 + 60),
            "320x320 input that the image was lett",
        ),
        (
            lambda x, y, r, b: (x / 2, y / 2, r / 2, b / 2),
            "letterboxed into (top left)",
        ),
        (lambda x, y, r, b: (x / 7, y / 7, r / 7, b / 7), "scaled by 0.143 in x and 0.143 in y"),
        (lambda x, y, r, b: (x - 90, y + 45, r - 90, b + 45), "shifted by -90 pixels in x and 45 in y"),
    ],
)
def test_a_convention_is_recognised_and_told_in_words(box, words):
    found = boxes(rewritten(box))
    assert found is not None
    assert found.rule == "sample.box-convention"
    assert words in found.words
    assert "3 of 3 expected detections match" in found.words
    assert found.fix


def test_one_box_in_the_wrong_place_is_no_convention():
    assert boxes([replace(EXPECTED[0], xmin=420, xmax=500), *EXPECTED[1:]]) is None


def test_a_single_box_is_not_fitted():
    assert boxes([Detection(211, 322, 133, 211, "bottle")], EXPECTED[:1]) is None


def test_nothing_is_claimed_of_nothing():
    assert boxes([]) is None
    assert boxes(EXPECTED, []) is None


def test_nothing_is_claimed_of_a_right_answer():
    assert boxes(EXPECTED) is None
    assert diagnose_labels(EXPECTED, EXPECTED, labels=LABELS, min_iou=0.5) is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda x, y, w, h, label: Detection(x, x + w, y, y + h, label),
            st.floats(-1e3, 1e3),
            st.floats(-1e3, 1e3),
            st.floats(-300, 300),
            st.floats(-300, 300),
            st.sampled_from(LABELS),
        ),
        max_size=4,
    )
)
def test_boxes_of_any_shape_are_survived(answered):
    found = boxes(answered)
    assert found is None or found.rule == "sample.box-convention"


@pytest.mark.parametrize(("offset", "words"), [(1, "the one after"), (-1, "the one before")])
def test_labels_counted_from_the_wrong_number(offset, words):
    answered = [replace(d, label=LABELS[(LABELS.index(d.label) + offset) % 4]) for d in EXPECTED]
    found = diagnose_labels(EXPECTED, answered, labels=LABELS, min_iou=0.5)
    assert found is not None
    assert found.rule == "sample.label-offset"
    assert words in found.words
    assert found.fix.startswith("subtract" if offset == 1 else "add")
