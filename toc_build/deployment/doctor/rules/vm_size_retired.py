"""The nodes' size is still in service."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """A day of retirement that has passed."""
    node = subject.node
    if node is not None and node.retired is not None and node.retired <= subject.today:
        yield Found(
            f"Azure took {node.name} out of service on {node.retired.isoformat()}.",
            subject.repository.where("targets", "aks", "nodes", "vm_size"),
            "move the cluster to a size in service, such as Standard_NC4as_T4_v3 in place of an older NC.",
        )


RULE = Rule(
    code="TOC-DOC-110",
    severity=Severity.ERROR,
    looks_for="a size of nodes that Azure has taken out of service",
    why="Azure stops machines of retired sizes, and makes no new ones.",
    check=check,
    target="aks",
)
