"""GPUs that are paid for are used."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """A size with GPUs, and `gpu_cores: 0`."""
    if subject.aks and subject.node and subject.node.gpus and not subject.aks.gpu_cores:
        yield Found(
            f"{subject.node.name} has {subject.node.gpus} GPUs, and gpu_cores is 0.",
            subject.repository.where("targets", "aks", "gpu_cores"),
            "set `gpu_cores: 1`, or take nodes without GPUs.",
        )


RULE = Rule(
    code="TOC-DOC-108",
    severity=Severity.WARNING,
    looks_for="nodes with GPUs, of which the service asks for none",
    why="Without gpu_cores the container is given no GPU, and the model runs on the CPU of costly nodes.",
    check=check,
    target="aks",
)
