from __future__ import annotations

import pytest

from toc_build.contract.answers import (
    Answer,
    betrays_nothing,
    detections_in,
    document_in,
    readable_in,
    refusal_in,
)
from toc_build.contract.rules import Breach

JSON = {"content-type": "application/json"}
GOOD = b'[{"xmin": 1, "xmax": 5, "ymin": 2, "ymax": 9.5, "label": "can", "score": 1}]'


def broken_by(call, *args, **options):
    with pytest.raises(Breach) as caught:
        call(*args, **options)
    return caught.value


def test_detections_are_read():
    (found,) = detections_in(Answer(200, JSON, GOOD), width=10, height=10, labels=["can"])
    assert (found.xmin, found.ymax, found.label, found.score) == (1, 9.5, "can", 1)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Answer(204, JSON, b""), "answer.status"),
        (Answer(200, {}, GOOD), "answer.content-type"),
        (Answer(200, {"content-type": "application/json; charset=latin-1"}, GOOD), "answer.encoding"),
        (Answer(200, JSON, b"\x1f\x8b\x08"), "answer.encoding"),
        (Answer(200, JSON, b'["\xe4"]'), "answer.encoding"),
        (Answer(200, JSON, b"\xef\xbb\xbf[]"), "answer.json"),
        (Answer(200, JSON, b"[-Infinity]"), "answer.json"),
        (Answer(200, JSON, b"[" * 100_000), "answer.json"),
        (Answer(200, JSON, b"1" * 10_000), "answer.json"),
        (Answer(200, JSON, b"[] []"), "answer.json"),
    ],
)
def test_an_answer_is_read_strictly(answer, rule):
    assert broken_by(document_in, answer).rule == rule


def test_the_reason_names_the_detection_and_shows_the_answer():
    breach = broken_by(detections_in, Answer(200, JSON, GOOD), width=4, height=10, labels=None)
    assert breach.rule == "detection.inside"
    assert "detection 0: xmax 5" in breach.reason
    assert 'status 200, application/json, body [{"xmin": 1' in breach.reason


def test_evidence_is_one_short_line_whatever_was_answered():
    shown = Answer(500, {"content-type": "text/plain"}, b"a\r\n\x1b[31m\xff" + b"x" * 5000).evidence
    assert shown.startswith("status 500, text/plain, body a\\r\\n\\x1b[31m\\xff")
    assert shown.endswith("... (5009 bytes)")
    assert len(shown) < 300
    assert Answer(500).evidence == "status 500, no content type, body empty"


@pytest.mark.parametrize(
    ("document", "readable"),
    [
        ([{"xmin": 5, "xmax": 1, "ymin": 0.5, "ymax": -3, "label": "can", "score": "high"}], True),
        ([{"xmin": "5", "xmax": 1, "ymin": 0.5, "ymax": -3, "label": "can"}], False),
        ([{"xmin": True, "xmax": 1, "ymin": 0.5, "ymax": -3, "label": "can"}], False),
        ([{"xmin": 5, "xmax": 1e300, "ymin": 0.5, "ymax": -3, "label": "can"}], False),
        ([{"xmin": 5, "xmax": 1, "ymin": 0.5, "ymax": -3, "label": 4}], False),
        ([[1, 2, 3, 4]], False),
        ([], False),
        ({"a": 1}, False),
    ],
)
def test_wrong_boxes_are_readable_as_long_as_they_are_numbers(document, readable):
    assert (readable_in(document) is not None) is readable


def test_a_refusal_is_held_to_its_status():
    refusal_in(Answer(400, JSON, b'{"error": "no image"}'), status=400, what="a text")
    for answer, rule in (
        (Answer(200, JSON, b"[]"), "refusal.accepted"),
        (Answer(302, JSON, b""), "refusal.accepted"),
        (Answer(500, JSON, b"{}"), "refusal.crashed"),
        (Answer(415, JSON, b"{}"), "refusal.status"),
    ):
        breach = broken_by(refusal_in, answer, status=400, what="a text")
        assert breach.rule == rule
        assert breach.reason.startswith("a text ")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"Traceback (most recent call last):", "error.traceback"),
        (b'{"error": "File \\"/app/score.py\\", line 3"}', "error.traceback"),
        (b"  <!DOCTYPE html>", "error.html"),
        (b"<HTML lang=en>", "error.html"),
    ],
)
def test_errors_betray_nothing(body, rule):
    assert broken_by(betrays_nothing, Answer(500, JSON, body)).rule == rule


def test_plain_words_betray_nothing():
    betrays_nothing(Answer(413, {"content-type": "text/plain"}, b"the file is too large: line 3 < 4"))
