"""GPUs are asked of a cluster that has some."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """GPUs of a replica against GPUs of a node."""
    if subject.aks is None or subject.node is None or subject.aks.gpu_cores <= subject.node.gpus:
        return
    yield Found(
        f"a replica asks for {subject.aks.gpu_cores} GPUs; a {subject.node.name} has {subject.node.gpus}.",
        subject.repository.where("targets", "aks", "gpu_cores"),
        "take nodes with GPUs, such as Standard_NC4as_T4_v3, or set gpu_cores to what there is.",
    )


RULE = Rule(
    code="TOC-DOC-106",
    severity=Severity.ERROR,
    looks_for="GPUs asked of nodes that have none, or fewer",
    why="Kubernetes can place such a replica nowhere: the deployment waits until its deadline.",
    check=check,
    target="aks",
)
