"""Cases about what must be refused: bodies that are no image (400), too large ones (413), GET (405)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from toc_build.contract import images
from toc_build.contract.answers import Answer, betrays_nothing, refusal_in
from toc_build.contract.cases.base import Case, Run
from toc_build.contract.rules import Breach, CannotTell

# A header is read in microseconds; this leaves room for a busy machine and a far one, not for decoding.
_AT_ONCE_SECONDS = 2.0

_GARBAGE = (
    ("empty", "an empty body", b""),
    ("text", "a text", images.TEXT),
    ("random", "a body of random bytes", images.random_bytes()),
    ("gif", "a GIF", images.GIF),
    ("pdf", "a PDF", images.PDF),
)


def cases() -> Iterator[Case]:
    """Garbage, what exceeds a limit, and GET."""
    for name, what, body in _GARBAGE:
        yield Case(f"refuse-{name}", partial(_refused, what=what, body=body))
    yield Case("refuse-truncated-jpeg", _truncated_jpeg)
    yield Case("refuse-truncated-png", _truncated_png)
    yield Case("refuse-too-many-bytes", _too_many_bytes)
    yield Case("refuse-png-bomb", _png_bomb)
    yield Case("refuse-jpeg-bomb", _jpeg_bomb)
    yield Case("refuse-get", _get)


def _refused(run: Run, what: str, body: bytes) -> str:
    refusal_in(run.scorer.post(body, content_type="image/jpeg"), status=400, what=what)
    return ""


def _truncated_jpeg(run: Run) -> str:
    return _refused(run, "a truncated JPEG", images.truncated(images.jpeg(run.picture.bgr)))


def _truncated_png(run: Run) -> str:
    return _refused(run, "a truncated PNG", images.truncated(run.png))


def _too_many_bytes(run: Run) -> str:
    if run.max_request_bytes is None:
        raise CannotTell("the largest body that is scored is not known here")
    size = run.max_request_bytes + 1
    # A whole image with zeros behind it: a scorer without a limit would score it.
    answer = run.scorer.post_padded(run.png, size)
    _hold_413(answer, "limit.bytes", f"a body of {size} bytes, one above the limit,")
    return ""


def _png_bomb(run: Run) -> str:
    limit = _pixel_limit(run)
    _hold_bomb(run, images.png_bomb(limit), "PNG", limit)
    return ""


def _jpeg_bomb(run: Run) -> str:
    limit = _pixel_limit(run)
    body = images.jpeg_bomb(limit)
    if body is None:
        raise CannotTell(f"no JPEG can claim more than {limit} pixels")
    _hold_bomb(run, body, "JPEG", limit)
    return ""


def _pixel_limit(run: Run) -> int:
    if run.max_pixels is None:
        raise CannotTell("the largest image that is scored is not known here")
    return run.max_pixels


def _hold_bomb(run: Run, body: bytes, kind: str, limit: int) -> None:
    what = f"a {kind} of {len(body)} bytes whose header claims more than {limit} pixels"
    answer = run.scorer.post(body)
    _hold_413(answer, "limit.pixels", what)
    if answer.seconds > _AT_ONCE_SECONDS:
        raise Breach(
            "limit.slow", f"{what} was refused after {answer.seconds:.1f} s, {_AT_ONCE_SECONDS:g} s is ample"
        )


def _hold_413(answer: Answer, rule: str, what: str) -> None:
    if answer.status != 413:
        raise Breach(rule, f"{what} was not refused with 413: {answer.evidence}")
    betrays_nothing(answer)


def _get(run: Run) -> str:
    answer = run.scorer.get()
    if answer.status != 405:
        raise Breach("method.refused", f"GET was answered with {answer.evidence}")
    allowed = answer.headers.get("allow", "")
    if "POST" not in [method.strip().upper() for method in allowed.split(",")]:
        raise Breach(
            "method.allow", f"status 405 came with {'Allow: ' + allowed if allowed else 'no Allow header'}"
        )
    betrays_nothing(answer)
    return ""
