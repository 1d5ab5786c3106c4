"""The judge has time for a request to time out."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`judge -> seconds` against the measured time of a round."""
    answer, seconds = subject.answer_seconds, subject.config.judge.seconds
    if answer is not None and answer * 2 > seconds:
        yield Found(
            f"an answer takes {answer:.1f} s, and the judge ends after {seconds} s.",
            subject.repository.where("judge", "seconds"),
            f"set seconds to {round(answer * 10)} or more.",
        )


RULE = Rule(
    code="TOC-DOC-207",
    severity=Severity.WARNING,
    looks_for="a judge that ends before one slow request does",
    why="The only round of samples would be cut short, and the version judged by less.",
    check=check,
)
