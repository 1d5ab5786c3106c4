"""The nodes' size is one that can be reckoned with."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity
from toc_build.targets.azure.vm_sizes import vm_sizes


def check(subject: Subject) -> Iterator[Found]:
    """A name that the table does not hold."""
    name = subject.cluster.vm_size
    if name is None or subject.node is not None:
        return
    near = difflib.get_close_matches(name.lower(), vm_sizes(), n=1)
    meant = f" Was {vm_sizes()[near[0]].name} meant?" if near else ""
    yield Found(
        f"{name} is not among the {len(vm_sizes())} sizes that toc-build knows.{meant}",
        subject.repository.where("targets", "aks", "nodes", "vm_size"),
        "correct the name, or leave it: a plan asks Azure about the cluster itself.",
    )


RULE = Rule(
    code="TOC-DOC-109",
    severity=Severity.NOTE,
    looks_for="a size of nodes that is not in the table",
    why="Cores, memory and GPUs cannot be checked offline for it.",
    check=check,
    target="aks",
)
