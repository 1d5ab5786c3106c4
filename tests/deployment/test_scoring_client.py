from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from toc_build.deployment.scoring_client import KEY_VARIABLE, image_bytes, score
from toc_build.errors import ScoreError
from toc_build.runtime import Detection

IMAGE = np.zeros((40, 60, 3), np.uint8)
GOOD = '[{"xmin": 1, "xmax": 10, "ymin": 2, "ymax": 20, "label": "cup", "score": 0.5}]'


class Scorer:
    """Answers what it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.answer = 200, GOOD
        self.bodies: list[bytes] = []
        self.authorizations: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                outer.authorizations.append(self.headers["Authorization"])
                body = outer.answer.encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server.server_port}/score"


@pytest.fixture
def scorer() -> Iterator[Scorer]:
    started = Scorer()
    thread = threading.Thread(target=started.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield started
    started.server.shutdown()
    started.server.server_close()
    thread.join()


def test_detections_come_back_typed(scorer: Scorer) -> None:
    assert score(scorer.uri, IMAGE) == [Detection(xmin=1, xmax=10, ymin=2, ymax=20, label="cup", score=0.5)]


def test_a_path_bytes_and_an_array_post_an_image(tmp_path: Path) -> None:
    encoded = cv2.imencode(".png", IMAGE)[1].tobytes()
    path = tmp_path / "image.png"
    path.write_bytes(encoded)
    assert image_bytes(path) == image_bytes(str(path)) == image_bytes(encoded) == encoded
    assert (cv2.imdecode(np.frombuffer(image_bytes(IMAGE), np.uint8), cv2.IMREAD_COLOR) == IMAGE).all()


def test_what_is_no_image_is_refused_here(tmp_path: Path) -> None:
    with pytest.raises(ScoreError) as caught:
        image_bytes(tmp_path / "gone.png")
    assert caught.value.code == "TOC-SCORE-001"
    with pytest.raises(ScoreError) as caught:
        image_bytes(np.zeros((4, 4, 7), np.uint8))
    assert caught.value.code == "TOC-SCORE-002"


def test_the_key_comes_from_the_environment(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    score(scorer.uri, IMAGE)
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    score(scorer.uri, IMAGE)
    assert scorer.authorizations == [None, "Bearer secret"]


@pytest.mark.parametrize(
    ("status", "answer", "code", "words"),
    [
        (
            500,
            '{"error": {"code": "detector-failed", "message": "it broke", "id": "ab12"}}',
            "TOC-SCORE-006",
            r"it broke \(id ab12\)",
        ),
        (400, '{"message": "from the server"}', "TOC-SCORE-006", "400: from the server"),
        (502, "<html>bad gateway</html>", "TOC-SCORE-006", "bad gateway"),
        (503, "", "TOC-SCORE-006", "no text"),
        (200, "not json", "TOC-SCORE-007", "not json"),
        (200, "{}", "TOC-SCORE-008", "answer.list"),
        (200, GOOD.replace("20", "41"), "TOC-SCORE-008", "detection.inside"),
    ],
)
def test_every_bad_answer_says_what_it_is(
    scorer: Scorer, status: int, answer: str, code: str, words: str
) -> None:
    scorer.status, scorer.answer = status, answer
    with pytest.raises(ScoreError, match=words) as caught:
        score(scorer.uri, IMAGE)
    assert caught.value.code == code


def test_nobody_there(free_tcp_port: int) -> None:
    with pytest.raises(ScoreError, match="nothing answers") as caught:
        score(f"http://127.0.0.1:{free_tcp_port}/score", IMAGE)
    assert caught.value.code == "TOC-SCORE-005"
    with pytest.raises(ScoreError) as caught:
        score("127.0.0.1:8890/score", IMAGE)
    assert caught.value.code == "TOC-SCORE-003"
