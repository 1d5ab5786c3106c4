"""Scorers that refuse too little, too late, or in the wrong way."""

from __future__ import annotations

from support.contract_registry import broken
from support.contract_scorer import (
    CloseWithoutAnswer,
    ColourBlobs,
    Dies,
    Reply,
    as_json,
)

from toc_build.runtime import UnreadableImage


@broken("refusal.accepted")
class GarbageIsAnEmptyImage(ColourBlobs):
    """What cannot be decoded is answered 200 with an empty list."""

    def unreadable(self, error):
        return as_json([])


@broken("refusal.accepted")
class EmptyIsAccepted(ColourBlobs):
    """An empty body is answered 200."""

    def score(self, body):
        return super().score(body) if body else as_json([])


@broken("refusal.accepted")
class ErrorWithStatus200(ColourBlobs):
    """Errors are told in the body, with status 200."""

    def unreadable(self, error):
        return as_json({"error": str(error)})


@broken("refusal.accepted")
class TruncatedIsAccepted(ColourBlobs):
    """A truncated JPEG is scored with its lower part grey, as many decoders give it."""

    def open(self, body):
        if body[:2] == b"\xff\xd8" and not body.endswith(b"\xff\xd9"):
            body += b"\xff\xd9"
        return super().open(body)


@broken("refusal.accepted")
class GifIsAccepted(ColourBlobs):
    """A GIF is answered as if it had been scored."""

    def score(self, body):
        return as_json([]) if body.startswith(b"GIF8") else super().score(body)


@broken("refusal.crashed")
class GarbageIsACrash(ColourBlobs):
    """What cannot be decoded ends in status 500."""

    def unreadable(self, error):
        return as_json({"error": "internal"}, 500)


@broken("refusal.crashed")
class EmptyIsACrash(ColourBlobs):
    """Only an empty body ends in status 500."""

    def score(self, body):
        return super().score(body) if body else as_json({"error": "internal"}, 500)


@broken("refusal.status")
class Unprocessable(ColourBlobs):
    """Status 422 instead of 400."""

    def unreadable(self, error):
        return as_json({"error": str(error)}, 422)


@broken("error.traceback")
class TracebackInTheAnswer(ColourBlobs):
    """The traceback is sent to the client."""

    def unreadable(self, error):
        trace = 'Traceback (most recent call last):\n  File "/app/score.py", line 12\nValueError: no image'
        return as_json({"error": trace}, 500)


@broken("error.traceback")
class FrameInTheAnswer(ColourBlobs):
    """A line of the traceback is sent to the client, with status 400."""

    def unreadable(self, error):
        return as_json({"error": 'File "/app/score.py", line 12, in run: no image'}, 400)


@broken("error.html")
class RefusesWithAPage(ColourBlobs):
    """400 comes as an HTML page."""

    def unreadable(self, error):
        page = b"<!doctype html>\n<html lang=en><title>400 Bad Request</title><h1>Bad Request</h1>"
        return Reply(400, page, {"Content-Type": "text/html; charset=utf-8"})


@broken("limit.bytes")
class NoLimitOfBytes(ColourBlobs):
    """A body of any length is scored."""

    def too_large(self, request):
        return self.score(request.read())


@broken("limit.bytes")
class TooLargeIs400(ColourBlobs):
    """A body above the limit is refused with 400."""

    def too_large(self, request):
        request.read_away()
        return as_json({"error": "too large"}, 400)


@broken("answer.missing")
class HangsUpOnLargeBodies(ColourBlobs):
    """A body above the limit closes the connection, without a word."""

    def too_large(self, request):
        raise CloseWithoutAnswer


@broken("limit.pixels")
class BombIsDecoded(ColourBlobs):
    """Nobody looks at the size before decoding; what comes of it is called a broken image."""

    def too_many_pixels(self, body):
        return as_json({"error": "cannot decode"}, 400)


@broken("limit.pixels")
class BombIsScored(ColourBlobs):
    """A bomb is answered as if it had been scored."""

    def too_many_pixels(self, body):
        return as_json([])


@broken("limit.slow")
class BombIsRefusedLate(ColourBlobs):
    """A bomb is decoded for a while before it is refused."""

    at_once = 0.2

    def too_many_pixels(self, body):
        self.stopping.wait(0.3)
        return super().too_many_pixels(body)


@broken("service.alive")
class DiesOfABomb(ColourBlobs):
    """A bomb takes all memory, and the process is killed."""

    def too_many_pixels(self, body):
        raise Dies


@broken("service.alive")
class DiesOfGarbage(ColourBlobs):
    """The decoder crashes the process."""

    def unreadable(self, error):
        raise Dies


@broken("answer.missing")
class HangsUpOnGarbage(ColourBlobs):
    """The worker restarts on garbage: the connection is closed without an answer."""

    def unreadable(self, error):
        raise CloseWithoutAnswer


@broken("method.refused")
class GetIsAnswered(ColourBlobs):
    """GET is answered 200 with a friendly word."""

    def wrong_method(self, request):
        return as_json("this is the scorer")


@broken("method.refused")
class GetIsScored(ColourBlobs):
    """GET is treated as a POST of nothing: 400."""

    def wrong_method(self, request):
        return self.unreadable(UnreadableImage("empty"))


@broken("method.allow")
class NoAllow(ColourBlobs):
    """405 without the Allow header."""

    def wrong_method(self, request):
        return as_json({"error": "POST an image"}, 405)


@broken("method.allow")
class AllowsGet(ColourBlobs):
    """405 whose Allow header names the method it just refused, and not POST."""

    def wrong_method(self, request):
        return as_json({"error": "POST an image"}, 405, Allow="GET, HEAD")


@broken("error.html")
class MethodPage(ColourBlobs):
    """405 comes as the web framework's own HTML page."""

    def wrong_method(self, request):
        page = (
            b"<!doctype html>\n<html lang=en><title>405 Method Not Allowed</title><h1>Method Not Allowed</h1>"
        )
        return Reply(405, page, {"Content-Type": "text/html", "Allow": "POST"})
