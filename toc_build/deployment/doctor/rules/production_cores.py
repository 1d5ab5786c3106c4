"""A cluster for production has at least 12 cores."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity
from toc_build.targets.azure.vm_sizes import PRODUCTION_CORES


def check(subject: Subject) -> Iterator[Found]:
    """Cores of a node times nodes."""
    cluster, node = subject.cluster, subject.node
    if node is None or cluster.nodes is None or not cluster.production:
        return
    cores = node.cores * cluster.nodes
    if cores < PRODUCTION_CORES:
        needed = -(-PRODUCTION_CORES // node.cores)
        yield Found(
            f"the cluster has {cluster.nodes} x {node.name} = {cores} cores; production takes"
            f" {PRODUCTION_CORES} at least.",
            subject.repository.where("targets", "aks", "nodes", "count"),
            f"give it {needed} nodes of this size, or larger ones, or attach it as dev-test.",
        )


RULE = Rule(
    code="TOC-DOC-101",
    severity=Severity.ERROR,
    looks_for="a cluster for production with fewer than 12 cores in all",
    why="Azure ML refuses to attach it for production (FastProd), or to deploy to it.",
    check=check,
    target="aks",
)
