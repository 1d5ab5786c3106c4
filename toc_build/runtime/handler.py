"""Answers one scoring request: body in, detections out, and every refusal as JSON with a stable code.

A scoring script's `init()` makes one `RequestHandler`; its `run(request)` calls it and wraps the `Answer` for
the server. Several threads may call it at once.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .codec import codec
from .detection import COORDINATES, KEYS, Detection, Violation, check_detections, plain
from .image import PostedImage, TooManyPixels, open_image
from .image_header import ACCEPTED, UnreadableImage
from .report import memory_report
from .settings import ScoringSettings

logger = logging.getLogger("toc_build.runtime")

# A refused body is still read up to this, and thrown away: when a server closes a connection with unread
# bytes in it, the client gets a reset instead of the refusal. Azure's ingress lets no body above 100 MB
# through, so behind it every client gets its answer, while one that would send without end cannot hold a
# thread for longer than that.
DRAIN_BYTES = 100 * 1024 * 1024
_CHUNK = 256 * 1024
_LOGGED_VIOLATIONS = 10


class Stream(Protocol):
    """The request's body."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Request(Protocol):
    """The part of flask's request that is used."""

    @property
    def method(self) -> str:
        """The HTTP method, in capitals."""

    @property
    def content_length(self) -> int | None:
        """What the client says, or None (chunked)."""

    @property
    def stream(self) -> Any:
        """The body, a `Stream`."""


@dataclass(frozen=True)
class Answer:
    """What goes back to the client.

    Attributes:
        body: JSON.
        status: HTTP status.
        headers: HTTP headers, at least Content-Type; no value holds a comma, at which Azure's server would
            split it.
    """

    body: str
    status: int
    headers: dict[str, str]


class _Refusal(Exception):  # noqa: N818 - an answer, not an error
    """An answer that is not detections. Its message goes to the client: no path, no traceback."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class RequestHandler:
    """Decodes the posted image, calls the detector, checks and encodes what it found.

    Answers: 200 with a JSON list of detections, or `{"error": {"code": ..., "message": ..., "id": ...}}` with
    400 `empty-body`, `incomplete-body`, `unreadable-image`; 405 `method-not-allowed`; 413 `body-too-large`,
    `image-too-large`; 500 `detector-failed`, `invalid-detections`, `out-of-memory`. The id is found again in
    the log, with the traceback where there is one. KeyboardInterrupt and SystemExit pass through: they end
    the worker.

    Args:
        predict: called with a `PostedImage`; gives detections, or mappings with their keys. numpy numbers are
            fine. At most `settings.concurrency` threads are inside it at a time; decoding is done outside.
        settings: the service's limits and labels.
    """

    def __init__(
        self,
        predict: Callable[[PostedImage], Iterable[Detection | Mapping[str, object]]],
        settings: ScoringSettings,
    ) -> None:
        self._predict = predict
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.concurrency)
        _make_heard()
        if settings.max_pixels > codec.limit("PIXELS"):
            logger.warning(
                "scoring.max_megapixels allows %s pixels, but %s here decodes at most %s: set %s before the "
                "scorer starts",
                settings.max_pixels,
                codec.NAME,
                codec.limit("PIXELS"),
                codec.LIMIT_SETTING,
            )

    def __call__(self, request: Request) -> Answer:
        """Answers one request; raises nothing but what must end the worker."""
        number = uuid.uuid4().hex[:12]
        try:
            found, seconds = self._score(request, number)
        except _Refusal as refusal:
            if refusal.status < 500:  # a 500 was logged where its cause was known
                logger.info("%s %s: %s [%s]", refusal.status, refusal.code, refusal.message, number)
            error = {"code": refusal.code, "message": refusal.message, "id": number}
            headers = {"Allow": "POST"} if refusal.status == 405 else {}
            return _json_answer({"error": error}, refusal.status, headers)
        # What the detector took, without the wait for its turn: a new version is compared by it under load
        # too.
        headers = {"Server-Timing": f"detector;dur={seconds * 1000:.2f}"}
        return _json_answer(found, 200, headers | memory_report(getattr(request, "headers", {})))

    def _score(self, request: Request, number: str) -> tuple[list[dict[str, Any]], float]:
        image = self._open(self._body(request), number)
        try:
            with self._places:
                began = time.perf_counter()
                found = self._predict(image)
                if _is_series(found):  # a generator does its work here, so it stays inside
                    found = list(found)
                seconds = time.perf_counter() - began
        except MemoryError:
            raise self._no_memory(number) from None
        except Exception:
            logger.exception("500 detector-failed on %r [%s]", image, number)
            message = "the detector failed on this image; the scorer's log tells why, under this id"
            raise _Refusal(500, "detector-failed", message) from None
        answer: Any = [_as_dict(item) for item in found] if isinstance(found, list) else found
        violations = check_detections(
            answer, width=image.width, height=image.height, labels=self._settings.labels or None
        )
        if violations:
            raise self._invalid(violations, image, number)
        return [_rounded(item) for item in answer], seconds

    def _body(self, request: Request) -> bytes:
        limit = self._settings.max_request_bytes
        length = request.content_length
        stream = request.stream
        if request.method != "POST":
            _drain(stream, length)
            raise _Refusal(405, "method-not-allowed", f"{request.method} is not answered here; POST an image")
        too_large = f"the body is larger than {limit:,} bytes, the most that is accepted"
        if length is not None and length > limit:
            _drain(stream, length)
            raise _Refusal(413, "body-too-large", too_large)
        try:
            body = _read(stream, limit + 1 if length is None else length)
        except Exception as error:  # noqa: BLE001 - each server's stream has its own; the bytes did not come
            logger.info("reading the body failed: %s", type(error).__name__)
            raise _Refusal(
                400, "incomplete-body", "the connection ended before the whole body came"
            ) from None
        if length is not None and len(body) < length:
            raise _Refusal(400, "incomplete-body", f"{len(body):,} of {length:,} bytes of the body came")
        if len(body) > limit:
            del body
            _drain(stream, None)
            raise _Refusal(413, "body-too-large", too_large)
        if not body:
            raise _Refusal(400, "empty-body", f"the body is empty; {ACCEPTED}")
        return body

    def _open(self, body: bytes, number: str) -> PostedImage:
        try:
            return open_image(body, max_pixels=self._settings.max_pixels)
        except UnreadableImage as error:
            raise _Refusal(400, "unreadable-image", str(error)) from None
        except TooManyPixels as error:
            raise _Refusal(413, "image-too-large", str(error)) from None
        except MemoryError:
            raise self._no_memory(number) from None

    def _no_memory(self, number: str) -> _Refusal:
        # The traceback shows which array it was. The worker goes on: what it asked for in vain is not held.
        logger.exception("500 out-of-memory [%s]", number)
        return _Refusal(500, "out-of-memory", "the scorer has not enough memory for this image at present")

    def _invalid(self, violations: list[Violation], image: PostedImage, number: str) -> _Refusal:
        counts = Counter(violation.rule for violation in violations)
        rules = ", ".join(f"{rule} x{count}" if count > 1 else rule for rule, count in counts.items())
        lines = [f"  {violation}" for violation in violations[:_LOGGED_VIOLATIONS]]
        if len(violations) > len(lines):
            lines.append(f"  ... and {len(violations) - len(lines)} more")
        logger.error("500 invalid-detections on %r: %s [%s]\n%s", image, rules, number, "\n".join(lines))
        message = (
            f"the detector's answer breaks the contract ({', '.join(counts)}); the scorer's log has each "
            "case, under this id"
        )
        return _Refusal(500, "invalid-detections", message)


def _read(stream: Stream, size: int) -> bytes:
    """Reads until `size` bytes or the end; one read can give less than was asked for."""
    parts = []
    while size > 0:
        part = stream.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _drain(stream: Stream, length: int | None) -> None:
    """Reads a refused body away, so that the client gets to see the refusal; see DRAIN_BYTES."""
    if length is not None and length > DRAIN_BYTES:
        return  # it could not be read to its end anyway
    left = DRAIN_BYTES
    try:
        while left > 0:
            part = stream.read(min(left, _CHUNK))
            if not part:
                return
            left -= len(part)
    except Exception:  # noqa: BLE001 - the client went away; there is nobody left to answer
        return


def _is_series(found: object) -> bool:
    return isinstance(found, Iterable) and not isinstance(found, (Mapping, str, bytes, bytearray))


def _as_dict(item: object) -> object:
    if isinstance(item, Detection):
        return item.as_dict()
    if isinstance(item, Mapping):
        return {key: plain(value) for key, value in item.items()}
    return item


def _rounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A checked detection with 2 decimals in its coordinates and 4 in its score, in the fixed key order.

    Rounding keeps order and whole numbers, so no box leaves the image; one so thin that it would become empty
    stays as it is.
    """
    result = {key: fields[key] for key in KEYS if key in fields}
    for low, high in (COORDINATES[:2], COORDINATES[2:]):
        pair = round(float(fields[low]), 2) + 0.0, round(float(fields[high]), 2)  # + 0.0: never -0.0
        if pair[0] < pair[1]:
            result[low], result[high] = pair
        else:
            result[low], result[high] = float(fields[low]) + 0.0, float(fields[high])
    if "score" in result:
        result["score"] = round(float(fields["score"]), 4) + 0.0
    return result


def _json_answer(value: object, status: int, headers: dict[str, str]) -> Answer:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Answer(body, status, {"Content-Type": "application/json", **headers})


class _Fallback(logging.Handler):
    """Writes our log lines to stderr, with level and time, unless the application logs them itself.

    Azure's server configures its own two loggers only. Left to Python, a line of ours would come out without
    time and level, and none below WARNING at all.
    """

    def __init__(self) -> None:
        super().__init__()
        # The server's own format and UTC, so that one log reads as one.
        formatter = logging.Formatter("%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        parent = logger.parent
        if parent is not None and logger.propagate and parent.hasHandlers():
            return
        try:
            sys.stderr.write(self.format(record) + "\n")  # stderr as it is now: it may have been replaced
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - a log that cannot be written must not fail the request
            self.handleError(record)


def _make_heard() -> None:
    """Makes sure that an error with its traceback reaches the scorer's log."""
    logger.disabled = False  # logging.config switches off the loggers that it does not know
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not any(isinstance(handler, _Fallback) for handler in logger.handlers):
        logger.addHandler(_Fallback())
