"""A correct scorer in small parts, of which a broken one gets exactly one wrong, and a server for both.

`ColourBlobs` finds bright blobs on a dark background and labels them by colour, so channels matter.
`ReferenceScorer` is the same detector behind toc_build.runtime's own request handler.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from toc_build.runtime import (
    Detection,
    PostedImage,
    RequestHandler,
    ScoringSettings,
    TooManyPixels,
    UnreadableImage,
    open_image,
)

LABELS = ("red", "green", "blue", "white")
MAX_REQUEST_BYTES = 2_000_000
MAX_PIXELS = 4_000_000

_COLOURS = {
    (False, False, True): "red",
    (False, True, False): "green",
    (True, False, False): "blue",
    (True, True, True): "white",
}


def find_blobs(bgr: np.ndarray) -> list[Detection]:
    """Bright blobs in one of the four colours; the score is the share of its box that a blob fills."""
    bright = bgr > 128
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(bright.any(axis=2).astype(np.uint8))
    found = []
    for number in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[number])
        inside = bright[y : y + height, x : x + width][numbers[y : y + height, x : x + width] == number]
        label = _COLOURS.get(tuple(bool(share > 0.5) for share in inside.mean(axis=0)))
        if area >= 40 and label:
            found.append(Detection(x, x + width, y, y + height, label, round(area / (width * height), 3)))
    return found


@dataclass
class Request:
    """What a scorer sees of a request; `connection` is for those that misuse it."""

    method: str
    headers: dict[str, str]
    connection: BaseHTTPRequestHandler

    @property
    def content_length(self) -> int:
        return int(self.headers.get("content-length", 0))

    @property
    def stream(self) -> Any:
        return _Limited(self.connection.rfile, self.content_length)

    def read(self) -> bytes:
        return self.connection.rfile.read(self.content_length)

    def read_away(self) -> None:
        left = self.content_length
        while left > 0:
            left -= len(self.connection.rfile.read(min(left, 65536)))


@dataclass
class _Limited:
    """The body as a server hands it out: reading never goes beyond its end."""

    raw: Any
    left: int

    def read(self, size: int = -1) -> bytes:
        part = self.raw.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(part)
        return part


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(document: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})


class CloseWithoutAnswer(Exception):  # noqa: N818 - an order to the server
    """The connection is closed, and nothing was sent."""


class Dies(Exception):  # noqa: N818 - an order to the server
    """The scorer's process ends: nothing listens any more."""


class ColourBlobs:
    """A correct scorer. Broken ones override the part that they get wrong."""

    #: The time limit that the contract holds it to, in seconds.
    timeout = 20.0
    #: Whether a connection stays open after an answer.
    keep_alive = True

    def __init__(self, temp_dir: Path) -> None:
        self.temp_dir = temp_dir
        self.stopping = threading.Event()

    # -- HTTP
    def answer(self, request: Request) -> Reply:
        if request.method != "POST":
            return self.wrong_method(request)
        if request.content_length > MAX_REQUEST_BYTES:
            return self.too_large(request)
        return self.score(request.read())

    def wrong_method(self, request: Request) -> Reply:
        return as_json({"error": "POST an image"}, 405, Allow="POST")

    def too_large(self, request: Request) -> Reply:
        request.read_away()
        return as_json({"error": "too large"}, 413)

    # -- one body
    def score(self, body: bytes) -> Reply:
        try:
            image = self.open(body)
        except UnreadableImage as error:
            return self.unreadable(error)
        except TooManyPixels:
            return self.too_many_pixels(body)
        return self.encode([d.as_dict() for d in self.detect(image)])

    def open(self, body: bytes) -> PostedImage:
        return open_image(body, max_pixels=MAX_PIXELS)

    def unreadable(self, error: UnreadableImage) -> Reply:
        return as_json({"error": str(error)}, 400)

    def too_many_pixels(self, body: bytes) -> Reply:
        return as_json({"error": "too many pixels"}, 413)

    # -- one image
    def detect(self, image: PostedImage) -> list[Detection]:
        return find_blobs(image.bgr)

    def encode(self, detections: list[dict[str, Any]]) -> Reply:
        return as_json(detections)


class ReferenceScorer(ColourBlobs):
    """The detector behind toc_build.runtime's request handler, as a scoring script has it."""

    def __init__(self, temp_dir: Path) -> None:
        super().__init__(temp_dir)
        settings = ScoringSettings("blobs", LABELS, MAX_REQUEST_BYTES, MAX_PIXELS, concurrency=2)
        self.handler = RequestHandler(lambda image: find_blobs(image.bgr), settings)

    def answer(self, request: Request) -> Reply:
        answer = self.handler(request)
        return Reply(answer.status, answer.body.encode(), answer.headers)


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def die(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        # Headers and body are two writes; otherwise the second waits for a delayed acknowledgement.
        accepted, address = super().get_request()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return accepted, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is what some of these scorers are about."""


@contextlib.contextmanager
def serving(scorer: Any) -> Iterator[str]:
    """Serve `scorer` on a free port of 127.0.0.1; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def handle_any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                reply = scorer.answer(Request(self.command, headers, self))
            except CloseWithoutAnswer:
                self.close_connection = True
                return
            except Dies:
                server.die()
                self.close_connection = True
                return
            self.send_response(reply.status)
            sent = {"Content-Length": str(len(reply.body)), **reply.headers}
            if not scorer.keep_alive:
                sent["Connection"] = "close"
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_GET = handle_any  # noqa: N815 - the server looks for these names

        def log_message(self, *args: Any) -> None:
            """Keep the test's output clean."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/score"
    finally:
        scorer.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
