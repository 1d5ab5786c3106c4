"""The liveness probe is answered while requests are worked on."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Measured answer times full worker threads, against what the probe waits in all."""
    answer = subject.answer_seconds
    if subject.aks is None or answer is None:
        return
    probe, scoring = subject.aks.liveness, subject.config.scoring
    queue = answer * scoring.threads / scoring.concurrency
    if probe.timeout_seconds < queue:
        yield Found(
            f"an answer takes {answer:.1f} s and {scoring.threads} requests may wait: {queue:.1f} s;"
            f" the probe waits {probe.timeout_seconds} s.",
            subject.repository.where("targets", "aks", "liveness", "timeout_seconds"),
            f"set timeout_seconds to {round(queue * 2) + 1}, or lower scoring -> threads.",
        )


RULE = Rule(
    code="TOC-DOC-203",
    severity=Severity.WARNING,
    looks_for="a liveness probe that is shorter than the requests before it in the queue",
    why="The server answers probes in its turn: a busy replica looks dead and is ended with its requests.",
    check=check,
    target="aks",
)
