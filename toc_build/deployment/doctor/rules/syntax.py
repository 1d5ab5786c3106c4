"""The scoring code parses."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Every file of the scoring code."""
    for code in subject.code:
        if code.error is not None:
            yield Found(f"{code.error.msg}.", f"{code.path}:{code.error.lineno or 1}", "mend that line.")


RULE = Rule(
    code="TOC-DOC-602",
    severity=Severity.ERROR,
    looks_for="scoring code that is no Python",
    why="The scorer does not start.",
    check=check,
)
