"""Cases about several requests: repeated, concurrent, over one connection; and what they leave behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from toc_build.contract import images
from toc_build.contract.cases.base import Case, Run, difference
from toc_build.contract.matching import shorten
from toc_build.contract.rules import Breach, CannotTell
from toc_build.runtime import Detection

# curl --data-binary sends the first of these unless told otherwise.
_CONTENT_TYPES = ("application/x-www-form-urlencoded", "text/plain; charset=utf-8", None)
_TIMES_EACH = 2
# A scorer may remove a file just after its answer left.
_TIDYING_SECONDS = 0.5


def repetition_cases() -> Iterator[Case]:
    """The picture again: at once, and after another one. The files in `temp_dir` are counted from here on."""
    yield Case("repeated", _repeated, always_judged=True)
    yield Case("independent", _independent, always_judged=True)


def connection_cases() -> Iterator[Case]:
    """Content types, one connection for several requests, several requests at once."""
    for kind in _CONTENT_TYPES:
        name = (kind or "none").split(";")[0].replace("/", "-")
        yield Case(f"content-type-{name}", partial(_content_type, kind=kind))
    yield Case("keep-alive", _keep_alive)
    yield Case("concurrent", _concurrent)


def closing_cases() -> Iterator[Case]:
    """After everything else: is the scorer as it was, and is its temporary folder?"""
    yield Case("survives", _survives)
    yield Case("temporary-files", _temporary_files)


def _repeated(run: Run) -> str:
    if run.temp_dir is not None:
        run.files_before = _files_in(run.temp_dir)
    known = run.known()
    for _ in range(2):
        differs = difference(known, run.score(run.png))
        if differs:
            run.reference = None
            run.reference_rule = "answer.repeatable"
            raise Breach("answer.repeatable", f"the same image got another answer the next time: {differs}")
    return run.remark()


def _independent(run: Run) -> str:
    known = run.known()
    run.score(images.png(_mirrored(run)[1]))
    differs = difference(known, run.score(run.png))
    if differs:
        run.reference = None
        run.reference_rule = "answer.independent"
        raise Breach("answer.independent", f"after another image, the picture got another answer: {differs}")
    return run.remark()


def _content_type(run: Run, kind: str | None) -> str:
    sent = f"Content-Type {kind}" if kind else "no Content-Type"
    try:
        answered = run.score(run.png, content_type=kind)
    except Breach as breach:
        if breach.rule == run.reference_rule:
            raise
        raise Breach(
            "request.content-type", f"with {sent}, the picture got a wrong answer: {breach.reason}"
        ) from None
    differs = difference(run.known(), answered)
    if differs:
        raise Breach("request.content-type", f"with {sent}, the picture got another answer: {differs}")
    return ""


def _keep_alive(run: Run) -> str:
    """Refused bodies between two that are scored: what a scorer leaves unread spoils the next request."""
    known = run.known()
    bodies = [run.png, b"", images.TEXT, run.png]
    spoiled = "request after request over one connection, the picture did not get its answer"
    try:
        answers, connections = run.scorer.post_in_turn(bodies)
        scored = [run.read(answer) for answer in (answers[0], answers[-1])]
    except Breach as breach:
        raise Breach("answer.keep-alive", f"{spoiled}: {breach.reason}") from None
    for answered in scored:
        if differs := difference(known, answered):
            raise Breach("answer.keep-alive", f"{spoiled}: {differs}")
    if connections == 1:
        return ""
    return f"the scorer closed connections: {len(bodies)} requests took {connections}"


def _concurrent(run: Run) -> str:
    run.known()
    bodies = [images.png(pixels) for pixels in _mirrored(run)]
    in_turn = [run.score(body) for body in bodies]
    answers = run.scorer.post_at_once(bodies * _TIMES_EACH)
    for place, answer in enumerate(answers):
        known = in_turn[place % len(bodies)]
        try:
            if isinstance(answer, Breach):
                raise answer
            answered = run.read(answer)
        except Breach as breach:
            words = f"{len(answers)} requests at once: one got a wrong answer: {breach.reason}"
            raise Breach("answer.concurrent", words) from None
        differs = difference(known, answered)
        if differs:
            others = any(known is not other and difference(other, answered) is None for other in in_turn)
            whose = "the answer to another image" if others and answered else "another answer than alone"
            raise Breach("answer.concurrent", f"{len(answers)} requests at once: one got {whose}: {differs}")
    if _all_alike(in_turn):
        return "every image has the same detections, so mixed-up answers cannot be seen"
    return ""


def _survives(run: Run) -> str:
    known = run.known()
    try:
        answered = run.score(run.png)
    except Breach as breach:
        raise Breach(
            "service.survives", f"at the end, the picture got a wrong answer: {breach.reason}"
        ) from None
    differs = difference(known, answered)
    if differs:
        raise Breach(
            "service.survives", f"at the end, the picture got another answer than at the start: {differs}"
        )
    return run.remark()


def _temporary_files(run: Run) -> str:
    if run.temp_dir is None:
        raise CannotTell("the scorer's temporary folder cannot be seen from here")
    if run.files_before is None:
        raise CannotTell(f"the scorer's temporary folder {run.temp_dir} cannot be listed")
    deadline = time.monotonic() + _TIDYING_SECONDS
    while left := sorted((_files_in(run.temp_dir) or frozenset()) - run.files_before):
        if time.monotonic() > deadline:
            names = ", ".join(shorten(left))
            raise Breach("temp.leak", f"{len(left)} files are left in the scorer's temporary folder: {names}")
        time.sleep(0.02)
    return ""


def _files_in(folder: Path) -> frozenset[str] | None:
    """Relative names of all files and folders below `folder`; None when it cannot be listed."""
    if not folder.is_dir():
        return None
    return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _mirrored(run: Run) -> list[np.ndarray]:
    """The picture as it is, mirrored, upside down, and both: one size, different detections."""
    bgr = run.picture.bgr
    return [np.ascontiguousarray(view) for view in (bgr, bgr[:, ::-1], bgr[::-1], bgr[::-1, ::-1])]


def _all_alike(answers: list[tuple[Detection, ...]]) -> bool:
    return all(difference(answers[0], other) is None for other in answers[1:])
