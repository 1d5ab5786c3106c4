from __future__ import annotations

import socket
import threading

import pytest
from support.contract_scorer import ColourBlobs, Reply, serving

from toc_build.contract.client import Scorer, Unreachable
from toc_build.contract.rules import Breach
from toc_build.errors import ScoreError

WAYS = [lambda s: s.post(b"x"), lambda s: s.post_padded(b"x", 9), lambda s: s.post_in_turn([b"x"])]


class Echo(ColourBlobs):
    """Answers what it was sent."""

    def answer(self, request):
        head = f"{request.method} {request.connection.path} {sorted(request.headers.items())}\n"
        return Reply(200, head.encode() + request.read(), {"Content-Type": "text/plain", "X-Seen": "yes"})


class EarlyRefusal(ColourBlobs):
    """Answers 413 to the headers, reads nothing, and leaves the connection open."""

    def too_large(self, request):
        request.connection.wfile.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
        request.connection.wfile.flush()
        self.stopping.wait(10)
        raise AssertionError("the client waited for the body to be read")


@pytest.fixture
def echo(tmp_path):
    with serving(Echo(tmp_path)) as uri:
        yield uri


def test_a_post_sends_what_it_is_told(echo):
    with Scorer(f"{echo}?v=1", headers={"Authorization": "Bearer s3cret-key"}, timeout=5) as scorer:
        answer = scorer.post(b"body", content_type=None)
        seen = answer.body.decode()
        assert seen.startswith("POST /score?v=1 ")
        assert "content-type" not in seen
        assert "Bearer s3cret-key" in seen
        assert seen.endswith("\nbody")
        assert answer.headers["x-seen"] == "yes"
        assert "image/png" in scorer.post(b"body", content_type="image/png").body.decode()
        assert scorer.get().body.startswith(b"GET /score?v=1 ")
        assert scorer.reached


def test_secrets_are_not_told(echo):
    uri = echo.replace("http://", "http://user:passw0rd@") + "?code=topsecret"
    with Scorer(uri, headers={"Authorization": "Bearer s3cret-key"}, timeout=5) as scorer:
        assert scorer.shown_uri == echo
        told = scorer.redact("Bearer s3cret-key, s3cret-key, passw0rd, topsecret, harmless")
        assert told == "***, ***, ***, ***, harmless"
        assert b"authorization" in scorer.post_padded(b"x", 5).body


def test_a_padded_body_has_the_size_asked_for(echo):
    with Scorer(echo, timeout=5) as scorer:
        body = scorer.post_padded(b"start", 1_000_000).body
        assert body.split(b"\n", 1)[1] == b"start" + bytes(999_995)


def test_an_answer_before_the_end_of_the_body_is_taken(tmp_path):
    scorer = EarlyRefusal(tmp_path)
    with serving(scorer) as uri, Scorer(uri, timeout=5) as client:
        answer = client.post_padded(b"x", 200_000_000)
        assert (answer.status, answer.body) == (413, b"large")
        assert answer.seconds < 4


def test_several_requests_share_a_connection_where_they_can(tmp_path):
    class Closing(Echo):
        keep_alive = False

    bodies = [b"one", b"", b"three"]
    for kind, connections in ((Echo, 1), (Closing, 3)):
        with serving(kind(tmp_path)) as uri, Scorer(uri, timeout=5) as scorer:
            answers, opened = scorer.post_in_turn(bodies)
            assert [answer.body.split(b"\n", 1)[1] for answer in answers] == bodies
            assert opened == connections


def test_requests_at_once_are_at_once(tmp_path):
    together = threading.Barrier(6)

    class Meeting(Echo):
        def answer(self, request):
            together.wait(5)
            return super().answer(request)

    bodies = [bytes([65 + number]) for number in range(6)]
    with serving(Meeting(tmp_path)) as uri, Scorer(uri, timeout=5) as scorer:
        assert [answer.body[-1:] for answer in scorer.post_at_once(bodies)] == bodies


@pytest.mark.parametrize(
    "send", [lambda s: s.post(b"x"), lambda s: s.post_padded(b"x", 9), lambda s: s.post_in_turn([b"x"])]
)
def test_nobody_there(free_tcp_port, send):
    with Scorer(f"http://127.0.0.1:{free_tcp_port}/score", timeout=2) as scorer:
        with pytest.raises(Unreachable):
            send(scorer)
        assert not scorer.reached


@pytest.mark.parametrize(
    "send", [lambda s: s.post(b"x"), lambda s: s.post_padded(b"x", 9), lambda s: s.post_in_turn([b"x"])]
)
def test_somebody_there_who_never_answers(send):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}/score"
        with Scorer(uri, timeout=0.2) as scorer, pytest.raises(Breach) as caught:
            send(scorer)
    assert caught.value.rule == "answer.timeout"


@pytest.mark.parametrize(
    "uri", ["127.0.0.1:8890/score", "ftp://x/score", "http:///score", "", "http://[::1", "file:///x"]
)
def test_an_address_that_is_none(uri):
    with pytest.raises(ScoreError) as caught:
        Scorer(uri, timeout=1)
    assert caught.value.code == "TOC-TEST-020"
