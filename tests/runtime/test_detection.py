from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toc_build.runtime import Detection, Violation, check_detections

LABELS = ("bottle", "can")
GOOD = {"xmin": 10.0, "xmax": 40, "ymin": 5.5, "ymax": 480, "label": "can", "score": 0.5}


def check(*items, labels=LABELS):
    return check_detections(list(items), width=640, height=480, labels=labels)


def rules(*items, labels=LABELS):
    return [violation.rule for violation in check(*items, labels=labels)]


def test_good_answers():
    assert check() == []
    assert check(GOOD) == []
    assert check(Detection(0, 640, 0, 480, "bottle")) == []
    assert check({key: value for key, value in GOOD.items() if key != "score"}) == []
    assert (
        check(Detection(np.float32(1), np.float64(9), np.int64(0), np.array(3.0), "can", np.float16(0.5)))
        == []
    )
    assert check(GOOD | {"score": 0}, GOOD | {"score": 1}) == []
    assert check_detections((GOOD,), width=640, height=480, labels={"can"}) == []
    assert check(GOOD | {"label": "anything"}, labels=None) == []


@pytest.mark.parametrize(
    ("change", "rule", "message"),
    [
        ({"xmax": 812.0}, "detection.inside", "xmax 812.0 is outside the image, which is 640 px wide"),
        (
            {"ymax": 480.4},
            "detection.inside",
            "480.4 is outside the image, which is 480 px high; clip_boxes trims it",
        ),
        ({"xmin": -0.001}, "detection.inside", "xmin -0.001 is outside"),
        ({"xmin": 41}, "detection.corners", "xmin 41 is not less than xmax 40"),
        ({"ymin": 480}, "detection.corners", "ymin 480 is not less than ymax 480"),
        ({"xmin": "10"}, "detection.number", "xmin is a string ('10'), not a number"),
        ({"xmin": True}, "detection.number", "xmin is a boolean (True), not a number"),
        ({"xmin": np.True_}, "detection.number", "xmin is a boolean"),
        ({"xmin": None}, "detection.number", "xmin is null, not a number"),
        ({"xmin": [1]}, "detection.number", "xmin is a list ([1])"),
        ({"xmin": np.array([1.0])}, "detection.number", "xmin is a ndarray"),
        ({"score": None}, "detection.number", "score is null, not a number; leave the key out"),
        ({"score": "0.9"}, "detection.number", "score is a string"),
        ({"score": True}, "detection.number", "score is a boolean"),
        ({"ymax": math.nan}, "detection.finite", "ymax is nan"),
        ({"ymax": np.float32("inf")}, "detection.finite", "ymax is inf"),
        ({"score": math.nan}, "detection.finite", "score is nan"),
        ({"score": 1.0001}, "detection.score", "score 1.0001 is outside 0..1"),
        ({"score": -1}, "detection.score", "score -1 is outside 0..1"),
        ({"score": 97}, "detection.score", "score 97 is outside"),
        ({"label": 3}, "detection.label", "label is a number (3), not text"),
        ({"label": None}, "detection.label", "label is null"),
        (
            {"label": "Can"},
            "detection.label",
            "'Can' is not declared (declared: bottle, can); did you mean 'can'?",
        ),
        ({"class": 1}, "detection.keys", "unknown key 'class'; a detection has xmin"),
        ({"xmax": 10**5000}, "detection.inside", "is outside the image"),
    ],
)
def test_one_broken_rule(change, rule, message):
    violations = check(GOOD, GOOD | change)
    assert [violation.rule for violation in violations] == [rule]
    assert violations[0].detection == 1
    assert message in violations[0].message
    assert len(violations[0].message) < 200
    assert str(violations[0]) == f"detection 1: {violations[0].message} ({rule})"


def test_missing_keys():
    (violation,) = check({"xmin": 1, "xmax": 2, "label": "can"})
    assert violation == Violation("detection.keys", "ymin, ymax are missing", 0)
    assert rules({}) == ["detection.keys"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"detections": [], "n": 0}, "an object with the keys 'detections', 'n'"),
        ({}, "with the keys none"),
        ("[]", "encoded twice"),
        ("hello", "the answer is a string"),
        (None, "the answer is null"),
        (True, "the answer is a boolean"),
        (3, "the answer is a number"),
        (np.zeros((3, 4)), "the answer is a ndarray"),
    ],
)
def test_answers_that_are_not_lists(answer, message):
    (violation,) = check_detections(answer, width=640, height=480, labels=None)
    assert violation.rule == "answer.list"
    assert violation.detection is None
    assert message in violation.message
    assert str(violation) == f"{violation.message} (answer.list)"


@pytest.mark.parametrize("item", [[1, 2, 3, 4], "can", None, 5, np.zeros(4)])
def test_items_that_are_not_objects(item):
    assert rules(item) == ["detection.object"]


def test_normalised_boxes():
    box = {"xmin": 0.1, "xmax": 0.5, "ymin": 0.0, "ymax": 1.0, "label": "can"}
    (violation,) = check(box, box)
    assert violation.rule == "detection.pixels"
    assert violation.detection is None
    assert "x times 640, y times 480" in violation.message
    assert check(box, GOOD) == []  # one box in pixels: then the small one is small
    assert check_detections([box], width=2, height=2, labels=None) == []
    assert rules(box | {"xmin": -0.01}) == ["detection.inside", "detection.pixels"]


def test_violations_of_several_detections_come_in_order():
    violations = check(GOOD | {"score": 2}, GOOD, GOOD | {"label": "x", "xmin": -1})
    assert [(item.detection, item.rule) for item in violations] == [
        (0, "detection.score"),
        (2, "detection.inside"),
        (2, "detection.label"),
    ]


def test_labels_without_declaration():
    assert rules(GOOD | {"label": ""}, labels=None) == ["detection.label"]
    assert rules(GOOD | {"label": "\ud800"}, labels=None) == ["detection.label"]
    assert rules(GOOD, labels=()) == ["detection.label"]


def test_many_labels_are_not_all_listed():
    (violation,) = check(GOOD | {"label": "zzz"}, labels=[f"label-{index:02}" for index in range(80)])
    assert "label-11 and 68 more" in violation.message


def test_foreign_objects_never_break_a_message():
    class Awkward:
        def __repr__(self):
            raise RuntimeError

    assert rules(GOOD | {"xmin": Awkward()}) == ["detection.number"]
    assert "<Awkward>" in check(GOOD | {"xmin": Awkward()})[0].message


def test_as_dict():
    detection = Detection(np.float32(1.5), 2, np.int64(3), np.array(4.0), np.str_("can"), np.float64(0.25))
    fields = detection.as_dict()
    assert list(fields) == ["xmin", "xmax", "ymin", "ymax", "label", "score"]
    assert json.loads(json.dumps(fields)) == {
        "xmin": 1.5, "xmax": 2, "ymin": 3, "ymax": 4.0, "label": "can", "score": 0.25,
    }  # fmt: skip
    assert "score" not in Detection(1, 2, 3, 4, "can").as_dict()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "x", ""]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(_json)
@settings(max_examples=80, deadline=None)
def test_any_json_is_judged_without_an_error(answer):
    for violation in check_detections(answer, width=640, height=480, labels=LABELS):
        assert violation.rule.split(".")[0] in ("answer", "detection")
        assert violation.message


_finite = st.floats(-10, 700)


@given(st.lists(st.tuples(_finite, _finite, _finite, _finite, st.floats(-0.5, 1.5)), max_size=5))
@settings(max_examples=80, deadline=None)
def test_the_rules_say_what_a_plain_reading_says(items):
    answer = [
        {"xmin": a, "xmax": b, "ymin": c, "ymax": d, "label": "can", "score": score}
        for a, b, c, d, score in items
    ]
    good = all(0 <= a < b <= 640 and 0 <= c < d <= 480 and 0 <= s <= 1 for a, b, c, d, s in items)
    tiny = bool(items) and all(-1 <= value <= 1 for item in items for value in item[:4])
    found = check(*answer)
    assert (not [item for item in found if item.rule != "detection.pixels"]) == good
    assert any(item.rule == "detection.pixels" for item in found) == tiny
