"""Replicas do not follow the load on a dev-test cluster."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`autoscale` together with a cluster that is not for production."""
    if subject.aks and subject.aks.autoscale and subject.cluster.production is False:
        wanted = subject.aks.autoscale.max_replicas
        yield Found(
            "autoscale is asked of a dev-test cluster, where it is disabled.",
            subject.repository.where("targets", "aks", "autoscale"),
            f"replace autoscale by a fixed number, such as `replicas: {min(wanted, 3)}`.",
        )


RULE = Rule(
    code="TOC-DOC-102",
    severity=Severity.ERROR,
    looks_for="autoscale on a dev-test cluster",
    why="Azure ML disables autoscaling on a dev-test cluster: the service would stay at one replica.",
    check=check,
    target="aks",
)
