"""Clusters: what can be made, and whether a scorer fits on one.

Sources: https://learn.microsoft.com/azure/machine-learning/v1/how-to-create-attach-kubernetes (production
clusters need 12 virtual cores; dev-test clusters are for small loads and do not scale by themselves).
"""

from __future__ import annotations

from toc_build.rehearsal.domain import names
from toc_build.rehearsal.domain.clock import Clock, iso
from toc_build.rehearsal.domain.records import Cluster, Scorer
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.store import Store
from toc_build.rehearsal.domain.vm_sizes import VmSize, vm_size

PRODUCTION_CORES = 12
DEFAULT_VM_SIZE, DEFAULT_NODES = "Standard_D3_v2", 3  # what AKS clusters are made of when nobody says
# A node keeps about so much for Kubernetes itself.
_NODE_SHARE = 0.9


class Computes:
    """The compute targets of a workspace."""

    def __init__(self, store: Store, scope: str, clock: Clock) -> None:
        self._store, self._scope, self._clock = store, scope, clock

    def create(self, cluster: Cluster) -> Cluster:
        """Makes a cluster, or changes one.

        Raises:
            Refusal: the name, the VM size or the number of cores is not allowed.
        """
        names.check_compute(cluster.name)
        self._check_size(cluster)
        cluster.created = cluster.created or iso(self._clock())
        self.save(cluster)
        return cluster

    def save(self, cluster: Cluster) -> None:
        """Writes a cluster back."""
        self._store.put(self._scope, "compute", cluster.name, cluster.to_json())

    def get(self, name: str) -> Cluster:
        """A cluster by its name, in any case.

        Raises:
            Refusal: there is none; says which there are.
        """
        for cluster in self.list():
            if cluster.name.lower() == name.lower():
                return cluster
        there = ", ".join(cluster.name for cluster in self.list()) or "none"
        raise Refusal(
            "ComputeNotFound",
            f"Compute target {name} not found in provided workspace; there are: {there}",
            404,
        )

    def list(self) -> list[Cluster]:
        """All compute targets, by name."""
        return [Cluster.from_json(item) for item in self._store.all(self._scope, "compute")]

    def delete(self, name: str) -> bool:
        """Removes a cluster; False when there was none."""
        return self._store.delete(self._scope, "compute", name)

    def _check_size(self, cluster: Cluster) -> None:
        if cluster.kind != "AKS":
            return
        if cluster.nodes < 1:
            raise Refusal("InvalidAgentCount", "A cluster has at least one node.")
        total = cores(cluster)
        if cluster.production and total < PRODUCTION_CORES:
            raise Refusal(
                "InsufficientCores",
                f"A cluster of purpose FastProd needs at least {PRODUCTION_CORES} virtual CPUs; "
                f"{cluster.nodes} x {cluster.vm_size} has {total}. Take more or larger nodes, or purpose "
                "DevTest.",
            )


def size_of(cluster: Cluster) -> VmSize:
    """The cluster's kind of node.

    Raises:
        Refusal: the VM size is not known.
    """
    size = vm_size(cluster.vm_size)
    if size is None:
        raise Refusal(
            "InvalidVmSize", f"The VM size {cluster.vm_size!r} is not available in {cluster.location}."
        )
    return size


def cores(cluster: Cluster) -> int:
    """All virtual cores of a cluster."""
    return size_of(cluster).cores * cluster.nodes


def check_fits(cluster: Cluster, scorer: Scorer, *, autoscale: bool, replicas: int, used: float) -> None:
    """Refuses a scorer that the cluster cannot run.

    Args:
        cluster: where it is to run.
        scorer: what one replica asks for.
        autoscale: whether replicas come and go by themselves.
        replicas: how many there are at least.
        used: cores that others have there already.

    Raises:
        Refusal: what does not fit, and what would.
    """
    if cluster.kind != "AKS":
        raise Refusal("InvalidComputeType", f"{cluster.name} is {cluster.kind}, not an AKS cluster.")
    size, total = size_of(cluster), cores(cluster)
    if cluster.production and total < PRODUCTION_CORES:
        raise Refusal(
            "InsufficientCores",
            f"The cluster {cluster.name} is for production and has {total} virtual CPUs; at least "
            f"{PRODUCTION_CORES} are needed.",
        )
    if autoscale and not cluster.production:
        raise Refusal(
            "AutoscaleNotSupported",
            f"The cluster {cluster.name} is for dev-test, where replicas do not scale by themselves: set a "
            "number of replicas.",
        )
    if scorer.gpu and scorer.gpu > size.gpus:
        has = f"{size.gpus} on each node" if size.gpus else "no GPU"
        raise Refusal(
            "InsufficientGpu",
            f"{scorer.gpu} GPU asked for, but {cluster.name} ({cluster.vm_size}) has {has}.",
        )
    if scorer.cpu > size.cores * _NODE_SHARE or scorer.memory_gb > size.memory_gb * _NODE_SHARE:
        raise Refusal(
            "InsufficientResources",
            f"One replica asks for {scorer.cpu:g} cores and {scorer.memory_gb:g} GB; a node of "
            f"{cluster.name} ({cluster.vm_size}) has {size.cores} cores and {size.memory_gb:g} GB, and keeps "
            "a tenth for itself.",
        )
    free = total * _NODE_SHARE - used
    if scorer.cpu * replicas > free:
        raise Refusal(
            "InsufficientResources",
            f"{replicas} replicas of {scorer.cpu:g} cores are {scorer.cpu * replicas:g} cores; "
            f"{cluster.name} has {free:g} left.",
        )
