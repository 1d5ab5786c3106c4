"""A replica fits on a node: cores."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """What a replica asks for, against what AKS leaves of a node."""
    if subject.aks is None or subject.node is None:
        return
    offered = subject.node.allocatable_cores
    if subject.aks.cpu_cores > offered:
        yield Found(
            f"a replica asks for {subject.aks.cpu_cores:g} cores; a {subject.node.name} offers"
            f" {offered:.1f}.",
            subject.repository.where("targets", "aks", "cpu_cores"),
            f"ask for {offered:.1f} at most, or take larger nodes.",
        )


RULE = Rule(
    code="TOC-DOC-104",
    severity=Severity.ERROR,
    looks_for="a replica that asks for more cores than a node offers",
    why="Kubernetes can place it nowhere: the deployment waits until its deadline.",
    check=check,
    target="aks",
)
