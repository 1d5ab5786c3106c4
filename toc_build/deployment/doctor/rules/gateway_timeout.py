"""The gateway waits as long as the worker works."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`scoring_timeout_ms` against `scoring -> timeout_seconds`."""
    if subject.aks is None:
        return
    limit = subject.config.scoring.timeout_seconds
    if subject.aks.scoring_timeout_ms < limit * 1000:
        yield Found(
            f"the gateway gives up after {subject.aks.scoring_timeout_ms} ms, the worker after {limit} s.",
            subject.repository.where("targets", "aks", "scoring_timeout_ms"),
            f"set scoring_timeout_ms to {limit * 1000}, or scoring -> timeout_seconds to"
            f" {max(1, subject.aks.scoring_timeout_ms // 1000)}.",
        )


RULE = Rule(
    code="TOC-DOC-204",
    severity=Severity.WARNING,
    looks_for="a gateway that gives up before the worker does",
    why="Callers are told 408 or 504 although the log shows a success, and the work is done for nobody.",
    check=check,
    target="aks",
)
