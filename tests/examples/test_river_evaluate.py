"""The measure of the river-litter detector, on answers whose figures can be worked out by hand."""

from __future__ import annotations

import json

import pytest

from toc_build.runtime import Detection


@pytest.fixture
def evaluate(script):
    return script("river-litter/training/evaluate.py")


def piece(left, score=None, label="can", width=20):
    return Detection(left, left + width, 0, 20, label, score)


def test_a_perfect_answer_has_precision_one(evaluate):
    judged = [evaluate.Judged([piece(0, 0.9), piece(100, 0.8)], [piece(0), piece(100)])]

    assert evaluate.average_precision(judged, "can", 0.5) == pytest.approx(1.0)
    assert evaluate.precision_and_recall(judged, 0.5) == (1.0, 1.0)


def test_half_of_the_pieces_found_is_half_the_area(evaluate):
    judged = [evaluate.Judged([piece(0, 0.9)], [piece(0), piece(100)])]

    # Precision 1 at the levels of recall 0, 0.01 .. 0.5: 51 of 101.
    assert evaluate.average_precision(judged, "can", 0.5) == pytest.approx(51 / 101)


def test_a_wrong_find_before_the_right_one_halves_precision(evaluate):
    judged = [evaluate.Judged([piece(200, 0.9), piece(0, 0.8)], [piece(0)])]

    assert evaluate.average_precision(judged, "can", 0.5) == pytest.approx(0.5)


def test_a_wrong_find_after_the_right_one_costs_nothing(evaluate):
    judged = [evaluate.Judged([piece(200, 0.1), piece(0, 0.8)], [piece(0)])]

    assert evaluate.average_precision(judged, "can", 0.5) == pytest.approx(1.0)


def test_scores_rank_over_all_pictures(evaluate):
    judged = [
        evaluate.Judged([piece(200, 0.95)], []),
        evaluate.Judged([piece(0, 0.5)], [piece(0)]),
    ]

    assert evaluate.average_precision(judged, "can", 0.5) == pytest.approx(0.5)


def test_a_piece_found_twice_counts_once(evaluate):
    judged = [evaluate.Judged([piece(0, 0.9), piece(0, 0.8)], [piece(0)])]

    assert evaluate.hits(judged[0], "can", 0.5) == ([0.9, 0.8], [True, False], 1)


def test_the_overlap_asked_for_decides(evaluate):
    # 20 wide against 30 wide: an IoU of 2/3.
    judged = [evaluate.Judged([piece(0, 0.9, width=30)], [piece(0)])]

    assert evaluate.average_precision(judged, "can", 0.65) == pytest.approx(1.0)
    assert evaluate.average_precision(judged, "can", 0.7) == 0.0


def test_another_label_is_no_find(evaluate):
    judged = [evaluate.Judged([piece(0, 0.9, label="bag")], [piece(0)])]

    assert evaluate.average_precision(judged, "can", 0.5) == 0.0
    assert evaluate.precision_and_recall(judged, 0.5) == (0.0, 0.0)


def test_the_threshold_leaves_weak_finds_out(evaluate):
    judged = [evaluate.Judged([piece(0, 0.9), piece(200, 0.3)], [piece(0)])]

    assert evaluate.precision_and_recall(judged, 0.5) == (1.0, 1.0)
    assert evaluate.precision_and_recall(judged, 0.2) == (0.5, 1.0)


def test_all_figures_are_plain_json(evaluate):
    judged = [evaluate.Judged([piece(0, 0.9)], [piece(0)])]

    figures = evaluate.measure(judged, 0.4)

    assert json.loads(json.dumps(figures)) == figures
    assert figures["ap50"] == {"bottle": 0.0, "can": 1.0, "bag": 0.0, "polystyrene": 0.0}
    assert figures["map50"] == 0.25


def test_the_model_card_says_synthetic_and_the_figures(evaluate):
    card = evaluate.model_card(evaluate.measure([evaluate.Judged([piece(0, 0.9)], [piece(0)])], 0.4), 389504)

    assert "synthetic" in card
    assert "0.250" in card
    assert "389,504" in card
