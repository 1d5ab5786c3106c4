"""The local target waits long enough for init()."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`readiness_seconds` against the last measured start."""
    init, limit = subject.init_seconds, subject.config.targets.local.readiness_seconds
    if init is not None and limit < 1.5 * init:
        yield Found(
            f"the last start took {init:.0f} s; readiness_seconds is {limit}.",
            subject.repository.where("targets", "local", "readiness_seconds"),
            f"set readiness_seconds to {round(3 * init)} or more.",
        )


RULE = Rule(
    code="TOC-DOC-202",
    severity=Severity.WARNING,
    looks_for="a readiness deadline that leaves a start little time",
    why="A start that is a little slower than the last one fails, and the deploy with it.",
    check=check,
    target="local",
)
