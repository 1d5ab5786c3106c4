"""A request does not wait longer than it may take."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`max_queue_wait_ms` against `scoring_timeout_ms`."""
    aks = subject.aks
    if aks is not None and aks.max_queue_wait_ms > aks.scoring_timeout_ms:
        yield Found(
            f"a request may wait {aks.max_queue_wait_ms} ms and take {aks.scoring_timeout_ms} ms in all.",
            subject.repository.where("targets", "aks", "max_queue_wait_ms"),
            "set max_queue_wait_ms well below scoring_timeout_ms.",
        )


RULE = Rule(
    code="TOC-DOC-205",
    severity=Severity.WARNING,
    looks_for="a wait in the queue that is longer than the time for the whole request",
    why="Requests time out while they wait; the queue fills with those that nobody waits for any more.",
    check=check,
    target="aks",
)
