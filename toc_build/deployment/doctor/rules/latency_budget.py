"""The latency that is asked for is one that the scorer has."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`judge -> latency_ms` against the last measured median."""
    answer, limit = subject.answer_seconds, subject.config.judge.latency_ms
    if answer is not None and limit is not None and limit < answer * 1000:
        yield Found(
            f"half of the last version's answers took more than {answer * 1000:.0f} ms;"
            f" {limit:g} ms are asked.",
            subject.repository.where("judge", "latency_ms"),
            "make the detector faster, or admit more.",
        )


RULE = Rule(
    code="TOC-DOC-206",
    severity=Severity.WARNING,
    looks_for="a latency budget below what the last version took",
    why="The next deploy would be rejected for being as fast as the last.",
    check=check,
)
