"""Scorers that are wrong about time, connections, threads, files and what they remember."""

from __future__ import annotations

import itertools
import tempfile
import threading
from dataclasses import replace

from support.contract_registry import broken
from support.contract_scorer import CloseWithoutAnswer, ColourBlobs, Reply, as_json, find_blobs


@broken("answer.timeout")
class Slow(ColourBlobs):
    """An answer takes longer than the time limit."""

    timeout = 0.3

    def detect(self, image):
        self.stopping.wait(5)
        return super().detect(image)


@broken("answer.timeout")
class Drips(ColourBlobs):
    """An answer begins in time and then never ends, byte by byte."""

    timeout = 0.5

    def answer(self, request):
        if request.method == "POST" and request.content_length < 1000:
            return super().answer(request)
        request.read_away()
        out = request.connection.wfile
        out.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n[")
        while not self.stopping.wait(0.05):
            out.write(b" ")
            out.flush()
        raise CloseWithoutAnswer


@broken("answer.missing")
class HangsUp(ColourBlobs):
    """Every image closes the connection without an answer."""

    def detect(self, image):
        raise CloseWithoutAnswer


@broken("answer.missing")
class AnswerCutShort(ColourBlobs):
    """Content-Length promises more than comes."""

    def encode(self, detections):
        reply = as_json(detections, Connection="close")
        reply.headers["Content-Length"] = str(len(reply.body) + 50)
        return reply


@broken("answer.keep-alive")
class LeavesTheBodyUnread(ColourBlobs):
    """A body is refused after its first bytes; the rest is taken for the next request."""

    def answer(self, request):
        if request.method != "POST" or request.content_length > 100_000:
            return super().answer(request)
        start = request.connection.rfile.read(min(8, request.content_length))
        if start[:2] not in (b"\x89P", b"\xff\xd8", b"RI", b"BM", b"II"):
            return as_json({"error": "no image"}, 400)
        return self.score(start + request.connection.rfile.read(request.content_length - len(start)))


@broken("request.content-type")
class TrustsTheContentType(ColourBlobs):
    """Only bodies declared as images are read; curl declares a form."""

    def answer(self, request):
        kind = request.headers.get("content-type", "")
        if request.method == "POST" and kind.startswith("application/x-www-form"):
            request.read_away()
            return as_json({"error": "empty body"}, 400)
        return super().answer(request)


@broken("answer.repeatable")
class Dice(ColourBlobs):
    """Dropout is left on: scores change from call to call."""

    def __init__(self, temp_dir):
        super().__init__(temp_dir)
        self.calls = itertools.count()

    def detect(self, image):
        shift = 0.1 * (next(self.calls) % 3)
        return [replace(d, score=d.score - shift) for d in super().detect(image)]


@broken("answer.repeatable")
class NeverForgets(ColourBlobs):
    """Detections are appended to a list that lives as long as the process."""

    def __init__(self, temp_dir):
        super().__init__(temp_dir)
        self.found = []

    def detect(self, image):
        self.found += super().detect(image)
        return [d for d in self.found if d.xmax <= image.width and d.ymax <= image.height]


@broken("answer.independent")
class OneBehind(ColourBlobs):
    """A double buffer is read before it is swapped: an image gets the answer to the last one of its size."""

    def __init__(self, temp_dir):
        super().__init__(temp_dir)
        self.last = {}

    def detect(self, image):
        found = super().detect(image)
        size = image.width, image.height
        before, self.last[size] = self.last.get(size, found), found
        return before


@broken("answer.concurrent")
class SharedInput(ColourBlobs):
    """The image is handed to the model in an attribute, which the next request overwrites."""

    def __init__(self, temp_dir):
        super().__init__(temp_dir)
        self.arrived = threading.Condition()
        self.number = 0

    def detect(self, image):
        with self.arrived:
            self.number += 1
            mine = self.number
            self.image = image
            self.arrived.notify_all()
            # The moment in which another thread may come in is made long enough for it to do so.
            self.arrived.wait_for(lambda: self.number > mine, timeout=0.03)
            image = self.image
        return [d for d in find_blobs(image.bgr) if d.xmax <= image.width]


@broken("answer.concurrent")
class OneAtATime(ColourBlobs):
    """A second request is turned away with 503 while the first is served."""

    def __init__(self, temp_dir):
        super().__init__(temp_dir)
        self.places = threading.Semaphore(1)

    def score(self, body):
        if not self.places.acquire(blocking=False):
            return as_json({"error": "busy"}, 503)
        try:
            self.stopping.wait(0.02)
            return super().score(body)
        finally:
            self.places.release()


@broken("service.survives")
class SulksAfterGarbage(ColourBlobs):
    """After ten refusals, nothing is found any more."""

    def __init__(self, temp_dir):
        super().__init__(temp_dir)
        self.refused = 0

    def unreadable(self, error):
        self.refused += 1
        return super().unreadable(error)

    def detect(self, image):
        return [] if self.refused > 8 else super().detect(image)


@broken("temp.leak")
class LeavesFiles(ColourBlobs):
    """Each image is written to a temporary file that nobody removes."""

    def detect(self, image):
        with tempfile.NamedTemporaryFile(dir=self.temp_dir, suffix=".png", delete=False) as file:
            file.write(image.data)
        return super().detect(image)


@broken("temp.leak")
class LeavesFilesOnErrors(ColourBlobs):
    """The temporary file is removed after a good image only."""

    def unreadable(self, error):
        tempfile.mkdtemp(dir=self.temp_dir)
        return super().unreadable(error)


@broken("answer.status")
class CrashesEverySecondTime(ColourBlobs):
    """Every image but the first ends in status 500."""

    def __init__(self, temp_dir):
        super().__init__(temp_dir)
        self.calls = itertools.count()

    def encode(self, detections):
        if next(self.calls):
            return Reply(500, b'{"error": "detector-failed"}', {"Content-Type": "application/json"})
        return super().encode(detections)
