"""The region offers the nodes' size."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """What the target saw on offer; nothing is known of it offline."""
    cluster = subject.cluster
    if cluster.offered is None or cluster.vm_size is None:
        return
    if cluster.vm_size.lower() not in {name.lower() for name in cluster.offered}:
        yield Found(
            f"{cluster.region or 'the region'} does not offer {cluster.vm_size}.",
            subject.repository.where("targets", "aks", "nodes", "vm_size"),
            "take a size that it offers, or another region.",
        )


RULE = Rule(
    code="TOC-DOC-112",
    severity=Severity.ERROR,
    looks_for="a size of nodes that the region does not offer",
    why="No node of that size can be added or replaced in that region.",
    check=check,
    target="aks",
)
