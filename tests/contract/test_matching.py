from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toc_build.contract.matching import Match, describe, explain, match
from toc_build.runtime import Detection, iou_matrix


def box(xmin, ymin, xmax, ymax, label="can", score=None):
    return Detection(xmin, xmax, ymin, ymax, label, score)


def compare(expected, answered, min_iou=0.5, score_tolerance=0.2):
    return match(expected, answered, min_iou=min_iou, score_tolerance=score_tolerance)


@st.composite
def detections(draw, labels=("can", "bag")):
    x, y = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    score = draw(st.none() | st.floats(0, 1))
    return box(x, y, x + width, y + height, draw(st.sampled_from(labels)), score)


lists = st.lists(detections(), max_size=8)
fast = settings(max_examples=60, deadline=None)


@fast
@given(lists, lists)
def test_every_detection_is_in_exactly_one_place(expected, answered):
    found = compare(expected, answered)
    pairs = (*found.agreed, *found.score_off, *found.wrong_label, *found.low_iou)
    assert sorted(map(repr, [*(p.expected for p in pairs), *found.missing])) == sorted(map(repr, expected))
    assert sorted(map(repr, [*(p.answered for p in pairs), *found.unexpected])) == sorted(map(repr, answered))


@fast
@given(lists)
def test_a_list_matches_itself_in_any_order(found):
    assert compare(found, found[::-1]).exact


@fast
@given(lists, lists)
def test_exchanging_the_sides_exchanges_missing_and_unexpected(expected, answered):
    one, other = compare(expected, answered), compare(answered, expected)
    assert (one.placed, len(one.missing)) == (other.placed, len(other.unexpected))
    assert one.exact == other.exact


@fast
@given(lists, lists)
def test_no_fewer_are_placed_than_greedily(expected, answered):
    left = list(answered)
    greedy = 0
    for wanted in expected:
        candidates = [a for a in left if a.label == wanted.label and _iou(wanted, a) >= 0.5]
        if candidates:
            left.remove(max(candidates, key=lambda a: _iou(wanted, a)))
            greedy += 1
    assert compare(expected, answered).placed >= greedy


@fast
@given(lists, lists, st.floats(0.05, 0.95))
def test_pairs_keep_what_their_place_promises(expected, answered, min_iou):
    found = compare(expected, answered, min_iou)
    for pair in (*found.agreed, *found.score_off):
        assert pair.expected.label == pair.answered.label
        assert pair.iou >= min_iou
        assert pair.iou == pytest.approx(_iou(pair.expected, pair.answered))
    assert all(p.expected.label != p.answered.label and p.iou >= min_iou for p in found.wrong_label)
    assert all(p.expected.label == p.answered.label and p.iou < min_iou for p in found.low_iou)


def test_crowded_boxes_do_not_steal_each_others_partner():
    # The second expected box fits either answer, the first only the one that the second likes better.
    expected = [box(0, 0, 10, 10), box(3, 0, 13, 10)]
    answered = [box(3, 0, 12, 10), box(5, 0, 15, 10)]
    assert compare(expected, answered).exact


def test_kinds_of_mismatch_and_their_rules():
    wanted = box(10, 10, 30, 30, "can", 0.9)
    for answered, rule, words in (
        ([], "sample.missing", "is expected and was not answered"),
        ([wanted, box(50, 50, 60, 60, "bag")], "sample.unexpected", "bag at x 50..60, y 50..60"),
        ([wanted, replace(wanted, xmax=29)], "sample.unexpected", "a second time: was NMS applied?"),
        ([replace(wanted, label="bag")], "sample.label", "was answered as bag (IoU 1.00)"),
        ([replace(wanted, xmax=50)], "sample.iou", "IoU 0.50, at least 0.6 is asked"),
        ([replace(wanted, score=0.5)], "sample.score", "with score 0.50, the tolerance is 0.2"),
    ):
        found = compare([wanted], answered, min_iou=0.6)
        assert not found.exact
        told = explain(found, min_iou=0.6, score_tolerance=0.2)
        assert told[0] == rule
        assert words in told[1]


def test_a_score_is_compared_only_where_both_sides_have_one():
    assert compare([box(0, 0, 9, 9, score=0.9)], [box(0, 0, 9, 9)]).exact
    assert compare([box(0, 0, 9, 9)], [box(0, 0, 9, 9, score=0.1)]).exact
    assert compare([box(0, 0, 9, 9, score=0.9)], [box(0, 0, 9, 9, score=0.7)]).exact


def test_many_mismatches_are_told_in_few_words():
    found = compare([box(20 * n, 0, 20 * n + 9, 9) for n in range(9)], [])
    assert explain(found, min_iou=0.5, score_tolerance=0.2)[1].endswith("; and 6 more")


def test_an_exact_match_has_nothing_to_explain():
    with pytest.raises(ValueError, match="breaks no rule"):
        explain(Match((), (), (), (), (), ()), min_iou=0.5, score_tolerance=0.2)


def test_a_normalised_box_is_described_with_its_decimals():
    assert describe(box(0.1, 0.25, 0.5, 0.75)) == "can at x 0.1..0.5, y 0.25..0.75"


def _iou(one, other):
    return float(
        iou_matrix(
            [[one.xmin, one.ymin, one.xmax, one.ymax]], [[other.xmin, other.ymin, other.xmax, other.ymax]]
        )[0, 0]
    )
