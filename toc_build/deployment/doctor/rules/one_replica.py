"""One replica in production is none during every update and every failure."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """A fixed number of one, or a fewest of one."""
    if subject.aks is None or not subject.cluster.production:
        return
    autoscale = subject.aks.autoscale
    if (autoscale.min_replicas if autoscale else subject.aks.fixed_replicas) != 1:
        return
    keys = ("autoscale", "min_replicas") if autoscale else ("replicas",)
    yield Found(
        "one replica serves in production.",
        subject.repository.where("targets", "aks", *keys),
        f"set {' -> '.join(keys)} to 2 or more.",
    )


RULE = Rule(
    code="TOC-DOC-103",
    severity=Severity.WARNING,
    looks_for="one replica on a cluster for production",
    why="With one replica an update, a node's restart or a crash refuses requests.",
    check=check,
    target="aks",
)
