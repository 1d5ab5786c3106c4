"""The scoring script, called as Azure ML's inference server calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, request

import score


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    """Start the scoring script once, as the server does."""
    score.init()


@pytest.fixture
def app() -> Iterator[Flask]:
    """A flask application, to make requests like the server's."""
    yield Flask(__name__)


def send(app: Flask, body: bytes, method: str = "POST") -> Response:
    """What `run` answers to `body`."""
    with app.test_request_context("/score", method=method, data=body):
        return score.run(request)


def test_an_image_is_answered_with_detections(app: Flask, sample: Path) -> None:
    answer = send(app, sample.read_bytes())

    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    first = json.loads(answer.get_data())[0]
    assert list(first) == ["xmin", "xmax", "ymin", "ymax", "label", "score"]


@pytest.mark.parametrize("body", [b"", b"not an image"], ids=["empty", "text"])
def test_what_is_no_image_is_refused(app: Flask, body: bytes) -> None:
    answer = send(app, body)

    assert answer.status_code == 400
    assert json.loads(answer.get_data())["error"]["message"]


def test_only_post_is_answered(app: Flask) -> None:
    answer = send(app, b"", method="GET")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
