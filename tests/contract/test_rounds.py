"""Samples asked round after round, against scorers in threads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.model_repository import write_model_repository

from toc_build.contract import Sample, load_samples
from toc_build.contract.rounds import Failure, Limits, Rounds, ask_rounds

RIGHT = [
    {"xmin": 55, "xmax": 106, "ymin": 75, "ymax": 126, "label": "thing"},
    {"xmin": 200, "xmax": 260, "ymin": 60, "ymax": 120, "label": "thing"},
]


@contextmanager
def scorer(answer: Callable[[int], Any]) -> Iterator[str]:
    """A server that answers its n-th request with a document, or closes on None."""
    count = [0]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            count[0] += 1
            document = answer(count[0])
            if document is None:
                self.close_connection = True
                return
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Server-Timing", f"detector;dur={40 + count[0]}.50")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/score"
    server.shutdown()
    server.server_close()


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    return load_samples(write_model_repository(tmp_path / "r") / "samples", labels=["thing"])


def ask(uri: str, samples: list[Sample], **more: Any) -> tuple[Rounds, Rounds]:
    return ask_rounds(uri, samples, ["thing"], Limits(requests=6, timeout=5), **more)


def test_right_answers_are_counted_and_timed(samples: list[Sample]) -> None:
    with scorer(lambda _: RIGHT) as uri, scorer(lambda _: []) as other:
        judged, beside = ask(uri, samples, beside=other, memory=lambda: 1000)
    assert (judged.requests, judged.failed, judged.failures) == (6, 0, [])
    assert [item.label for item in judged.answers["two"]] == ["thing", "thing"]
    assert len(judged.seconds["two"]) == 6
    assert judged.fastest_seconds == min(judged.seconds["two"])
    assert judged.detector_seconds == 0.0415
    assert judged.memory == dict.fromkeys(range(1, 7), 1000)
    assert (beside.requests, beside.failed) == (6, 0)  # not judged: it is leaving
    assert beside.answers == {"two": ()}


def test_an_answer_that_turns_wrong_is_found(samples: list[Sample]) -> None:
    with scorer(lambda number: RIGHT if number < 4 else RIGHT[:1]) as uri:
        judged, _ = ask(uri, samples)
    assert (judged.failed, judged.wrong) == (3, 3)
    first = judged.failures[0]
    assert (first.sample, first.number, first.rule, first.wrong) == ("two", 4, "sample.missing", True)
    assert len(judged.answers["two"]) == 2  # the first one


def test_many_failures_of_one_kind_do_not_hide_the_other() -> None:
    found = Rounds()
    for number in range(30):
        found.failure(Failure("two", number, "sample.missing", "x"))
    found.failure(Failure("two", 31, "answer.timeout", "y"))
    assert (found.failed, found.wrong, len(found.failures)) == (31, 30, 21)
    assert not found.failures[-1].wrong


def test_without_expectations_any_valid_answer_will_do(samples: list[Sample]) -> None:
    with scorer(lambda _: RIGHT[:1]) as uri:
        assert ask(uri, samples, expectations=False)[0].failed == 0
    with scorer(lambda _: [{**RIGHT[0], "xmin": -5}]) as uri:
        judged, _ = ask(uri, samples, expectations=False)
    assert judged.failures[0].rule == "detection.inside"


def test_requests_without_an_answer_are_failures_not_wrong_answers(samples: list[Sample]) -> None:
    with scorer(lambda number: RIGHT if number % 2 else None) as uri:
        judged, _ = ask(uri, samples)
    assert judged.failed == 3
    assert not any(failure.wrong for failure in judged.failures)
    assert {failure.rule for failure in judged.failures} == {"answer.missing"}


def test_a_scorer_that_is_gone_is_asked_no_more(samples: list[Sample]) -> None:
    with scorer(lambda _: RIGHT) as uri:
        pass
    judged, _ = ask(uri, samples)
    assert (judged.requests, judged.failed) == (1, 1)
    assert judged.failures[0].rule == "service.alive"
    assert judged.fastest_seconds is None
    assert judged.median_seconds is None


def test_time_ends_the_rounds_after_the_first(samples: list[Sample]) -> None:
    ticks = iter(range(0, 1000, 40))
    with scorer(lambda _: RIGHT) as uri:
        judged, _ = ask(uri, samples, clock=lambda: next(ticks))
    assert judged.requests == 1


def test_a_key_never_reaches_a_reason(samples: list[Sample]) -> None:
    with scorer(lambda _: {"seen": "s3cret-key"}) as uri:
        judged, _ = ask(uri, samples, headers={"Authorization": "Bearer s3cret-key"})
    assert judged.failures
    assert "s3cret-key" not in judged.failures[0].reason


def test_one_that_hangs_beside_is_asked_once(samples: list[Sample]) -> None:
    release = threading.Event()

    def hang(_: int) -> None:
        release.wait(30)

    with scorer(lambda _: RIGHT) as uri, scorer(hang) as other:
        limits = Limits(requests=6, timeout=0.3)
        judged, beside = ask_rounds(uri, samples, ["thing"], limits, beside=other)
        release.set()
    assert (judged.requests, judged.failed) == (6, 0)
    assert (beside.requests, beside.failed) == (1, 1)


def test_one_that_is_wrong_beside_is_asked_on(samples: list[Sample]) -> None:
    with scorer(lambda _: RIGHT) as uri, scorer(lambda _: {"no": "list"}) as other:
        _, beside = ask(uri, samples, beside=other)
    assert (beside.requests, beside.failed) == (6, 6)
