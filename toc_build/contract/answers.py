"""What a scorer answered, read strictly: status, type, encoding, JSON, detections, no sign of a crash.

`client` makes an `Answer` of every response; the cases call `detections_in` for images and `refusal_in` for
what must be refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from toc_build.contract.documents import detection_of, parse_json
from toc_build.contract.matching import shorten
from toc_build.contract.rules import Breach
from toc_build.runtime import Detection, Violation, check_detections

_SHOWN_CHARACTERS = 200
_SHOWN_VIOLATIONS = 2
_TRACEBACK = re.compile(r'Traceback \(most recent call last\)|File \\?"[^"\n]{1,300}\\?", line \d+')
_HTML = re.compile(r"<!doctype html|<html\b|<body\b|<h1\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset=\"?([^\s;\"]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """One HTTP response.

    Attributes:
        status: the status code.
        headers: by lower-case name.
        body: as sent, with Content-Encoding undone.
        seconds: from sending the request to the last byte of the answer.
        redact: takes secrets out of a text; the evidence is cut only after that.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    redact: Callable[[str], str] = field(default=str, repr=False, compare=False)

    @property
    def evidence(self) -> str:
        """Status, content type and the first 200 characters, on one line."""
        text = self.redact(self.body.decode("utf-8", "backslashreplace"))
        shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:_SHOWN_CHARACTERS])
        more = f"... ({len(self.body)} bytes)" if len(text) > _SHOWN_CHARACTERS else ""
        kind = self.headers.get("content-type", "no content type")
        return f"status {self.status}, {kind}, body {shown + more if text else 'empty'}"


def document_in(answer: Answer) -> object:
    """The JSON document that a valid image was answered with.

    Raises:
        Breach: answer.status, answer.content-type, answer.encoding or answer.json.
    """
    if answer.status != 200:
        raise Breach(
            "answer.status", f"a valid image was answered with {answer.evidence}", fix=_remedy_for(answer)
        )
    kind = answer.headers.get("content-type", "")
    if kind.split(";")[0].strip().lower() != "application/json":
        raise Breach("answer.content-type", f"Content-Type is {kind or 'missing'}: {answer.evidence}")
    charset = _CHARSET.search(kind)
    if charset and charset.group(1).lower() not in ("utf-8", "utf8"):
        raise Breach("answer.encoding", f"the answer is declared as {charset.group(1)}, JSON is UTF-8")
    if answer.body.startswith(b"\x1f\x8b"):
        raise Breach("answer.encoding", "the answer is compressed with gzip, and no Content-Encoding says so")
    try:
        text = answer.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Breach(
            "answer.encoding",
            f"the answer is not UTF-8: {error.reason} at byte {error.start}; {answer.evidence}",
        ) from None
    try:
        return parse_json(text)
    except ValueError as error:
        raise Breach("answer.json", f"the answer is not strict JSON ({error}): {answer.evidence}") from None


def detections_in(
    answer: Answer, *, width: int, height: int, labels: Collection[str] | None
) -> tuple[Detection, ...]:
    """The detections that a valid image was answered with.

    Args:
        answer: the response.
        width: of the posted image as displayed, in pixels.
        height: likewise.
        labels: the declared labels; None leaves them unchecked.

    Raises:
        Breach: as `document_in`, answer.list, or a detection rule.
    """
    document = document_in(answer)
    violations = check_detections(document, width=width, height=height, labels=labels)
    if violations:
        told = "; ".join(shorten([_told(violation) for violation in violations], _SHOWN_VIOLATIONS))
        raise Breach(violations[0].rule, f"{told}; the image is {width} x {height}; {answer.evidence}")
    assert isinstance(document, list)  # noqa: S101 - check_detections saw to it
    return tuple(detection_of(entry) for entry in document)


def readable_in(document: object) -> tuple[Detection, ...] | None:
    """The detections of an answer that breaks detection rules, or None when its boxes cannot be read.

    For the diagnosis of box conventions only: the boxes may have any values.
    """
    if not isinstance(document, list) or not document:
        return None
    found = []
    for entry in document:
        if not isinstance(entry, dict):
            return None
        numbers = [entry.get(key) for key in ("xmin", "xmax", "ymin", "ymax")]
        if not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e9 for n in numbers):
            return None
        if not isinstance(entry.get("label"), str):
            return None
        found.append(detection_of({**entry, "score": None}))
    return tuple(found)


def refusal_in(answer: Answer, *, status: int, what: str) -> None:
    """Hold that a body was refused with `status`, without traceback or HTML.

    Args:
        answer: the response.
        status: 400 for what is no image, 413 for what is too large.
        what: the body in words, for the reason.

    Raises:
        Breach: refusal.accepted, refusal.crashed, refusal.status, error.traceback or error.html.
    """
    if answer.status < 400:
        raise Breach("refusal.accepted", f"{what} was accepted, {status} is asked: {answer.evidence}")
    betrays_nothing(answer)
    if answer.status >= 500:
        raise Breach("refusal.crashed", f"{what} made the scorer fail, {status} is asked: {answer.evidence}")
    if answer.status != status:
        raise Breach(
            "refusal.status",
            f"{what} was refused with the wrong status, {status} is asked: {answer.evidence}",
        )


def _remedy_for(answer: Answer) -> str | None:
    """What to do about a status, where it says more than the rule knows."""
    if answer.status == 413:
        return "raise scoring -> max_request_mb or max_megapixels in deploy.yml, or take a smaller image"
    if answer.status == 400 and "decoded as UTF-8" in answer.evidence:
        return "put @rawhttp above run(): without it the server takes every body for text"
    return None


def _told(violation: Violation) -> str:
    place = "" if violation.detection is None else f"detection {violation.detection}: "
    return place + violation.message


def betrays_nothing(answer: Answer) -> None:
    """Hold that an error answer shows neither a traceback nor an HTML page.

    Raises:
        Breach: error.traceback or error.html.
    """
    text = answer.body.decode("utf-8", "replace")
    if _TRACEBACK.search(text):
        raise Breach("error.traceback", f"the answer shows a traceback: {answer.evidence}")
    if _HTML.search(text) or "text/html" in answer.headers.get("content-type", ""):
        raise Breach("error.html", f"the answer is an HTML page: {answer.evidence}")
