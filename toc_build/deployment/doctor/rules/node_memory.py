"""A replica fits on a node: memory."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """What a replica asks for, against what AKS leaves of a node."""
    if subject.aks is None or subject.node is None:
        return
    offered = subject.node.allocatable_memory_gb
    if subject.aks.memory_gb > offered:
        yield Found(
            f"a replica asks for {subject.aks.memory_gb:g} GB; a {subject.node.name} offers {offered:.1f}.",
            subject.repository.where("targets", "aks", "memory_gb"),
            f"ask for {offered:.1f} at most, or take larger nodes.",
        )


RULE = Rule(
    code="TOC-DOC-105",
    severity=Severity.ERROR,
    looks_for="a replica that asks for more memory than a node offers",
    why="Kubernetes can place it nowhere: the deployment waits until its deadline.",
    check=check,
    target="aks",
)
