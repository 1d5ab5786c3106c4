"""Autoscale leaves room for the load that comes before new replicas do."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`target_utilization` above 90."""
    autoscale = subject.aks.autoscale if subject.aks else None
    if autoscale and autoscale.target_utilization > 90:
        yield Found(
            f"replicas are added only when {autoscale.target_utilization} % are busy.",
            subject.repository.where("targets", "aks", "autoscale", "target_utilization"),
            "set target_utilization to 70 or so.",
        )


RULE = Rule(
    code="TOC-DOC-113",
    severity=Severity.WARNING,
    looks_for="a target utilization above 90 %",
    why="Replicas are added when the present ones are full already: requests wait, then fail with 503.",
    check=check,
    target="aks",
)
