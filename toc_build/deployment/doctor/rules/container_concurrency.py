"""A replica is sent no more requests than it has threads."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`max_concurrent_requests_per_container` against workers times threads."""
    scoring, aks = subject.config.scoring, subject.aks
    threads = scoring.workers * scoring.threads
    if aks is not None and aks.max_concurrent_requests_per_container > threads:
        yield Found(
            f"a replica is sent {aks.max_concurrent_requests_per_container} requests at once and has"
            f" {threads} threads.",
            subject.repository.where("targets", "aks", "max_concurrent_requests_per_container"),
            f"set it to {threads} at most, or give scoring -> threads more.",
        )


RULE = Rule(
    code="TOC-DOC-304",
    severity=Severity.WARNING,
    looks_for="more requests at once for a replica than it has threads",
    why="The rest waits unseen inside the container, where autoscaling does not count it.",
    check=check,
    target="aks",
)
