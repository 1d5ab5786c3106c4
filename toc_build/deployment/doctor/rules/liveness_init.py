"""The liveness probe waits until init() is done."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

SAFETY = 1.5  # a node in the cloud starts slower than this machine


def check(subject: Subject) -> Iterator[Found]:
    """The first possible end by the probe, against the last measured start."""
    init = subject.init_seconds
    if subject.aks is None or init is None:
        return
    probe = subject.aks.liveness
    patience = probe.initial_delay_seconds + probe.period_seconds * (probe.failure_threshold - 1)
    if patience < init * SAFETY:
        yield Found(
            f"init() took {init:.0f} s here; the probe may end a replica after {patience} s.",
            subject.repository.where("targets", "aks", "liveness", "initial_delay_seconds"),
            f"set initial_delay_seconds to {round(init * 2 * SAFETY)} or more.",
        )


RULE = Rule(
    code="TOC-DOC-201",
    severity=Severity.ERROR,
    looks_for="a liveness probe that ends a replica before init() is done",
    why="Kubernetes ends the starting replica, again and again: the service never comes up.",
    check=check,
    target="aks",
)
