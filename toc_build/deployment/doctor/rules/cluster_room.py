"""All replicas together fit on the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """How many replicas a node takes, times nodes."""
    aks, node, nodes = subject.aks, subject.node, subject.cluster.nodes
    if aks is None or node is None or nodes is None:
        return
    wanted = aks.autoscale.max_replicas if aks.autoscale else aks.fixed_replicas or 1
    each = min(node.allocatable_cores // aks.cpu_cores, node.allocatable_memory_gb // aks.memory_gb)
    if aks.gpu_cores:
        each = min(each, node.gpus // aks.gpu_cores)
    if 0 < each * nodes < wanted:
        keys = ("autoscale", "max_replicas") if aks.autoscale else ("replicas",)
        yield Found(
            f"{wanted} replicas are asked for; {nodes} x {node.name} takes {each * nodes:.0f} of this size.",
            subject.repository.where("targets", "aks", *keys),
            "lower the number or what each asks for, or add nodes.",
        )


RULE = Rule(
    code="TOC-DOC-107",
    severity=Severity.WARNING,
    looks_for="replicas that do not fit on the cluster all together",
    why="The last replicas wait for room for ever, and with them the deployment.",
    check=check,
    target="aks",
)
