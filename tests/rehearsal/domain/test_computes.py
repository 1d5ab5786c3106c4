"""Clusters: what can be made, and what fits on one."""

from __future__ import annotations

from typing import Any

import pytest

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.computes import check_fits, cores
from toc_build.rehearsal.domain.records import Cluster, EnvironmentDefinition, Scorer
from toc_build.rehearsal.domain.refusals import Refusal


def cluster(vm_size: str = "Standard_D4_v3", nodes: int = 3, **values: Any) -> Cluster:
    return Cluster("a-cluster", "AKS", "northeurope", "", vm_size=vm_size, nodes=nodes, **values)


def scorer(**values: Any) -> Scorer:
    return Scorer([], "score.py", [], EnvironmentDefinition(), **values)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (cluster(nodes=2), "at least 12 virtual CPUs; 2 x Standard_D4_v3 has 8"),
        (cluster(vm_size="Standard_Nothing"), "Standard_Nothing"),
        (cluster(nodes=0), "at least one node"),
    ],
)
def test_a_cluster_that_cannot_be_made(cloud: Cloud, made: Cluster, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        cloud.computes.create(made)


def test_dev_test_needs_no_twelve_cores(cloud: Cloud) -> None:
    made = cloud.computes.create(cluster(vm_size="standard_d2_v3", nodes=1, production=False))
    assert cores(made) == 2
    assert cloud.computes.get("A-CLUSTER").name == "a-cluster"
    with pytest.raises(Refusal, match=r"there are: a-cluster, dev-ml, gpu-ml, inference-ml, small-ml"):
        cloud.computes.get("lost-ml")


@pytest.mark.parametrize(
    ("where", "what", "rest", "told"),
    [
        (cluster(nodes=2), scorer(), {}, "at least 12"),
        (cluster(production=False), scorer(), {"autoscale": True}, "dev-test"),
        (cluster(), scorer(gpu=1), {}, "no GPU"),
        (cluster("Standard_NC6s_v3"), scorer(gpu=2), {}, "1 on each node"),
        (cluster(), scorer(cpu=4.0), {}, "keeps a tenth"),
        (cluster(), scorer(memory_gb=16.0), {}, "16 GB"),
        (cluster(), scorer(cpu=3.0), {"replicas": 4}, "12 cores; a-cluster has 10.8 left"),
        (cluster(), scorer(cpu=3.0), {"used": 9.0}, "has 1.8 left"),
        (Cluster("a", "AmlCompute", "northeurope", ""), scorer(), {}, "not an AKS cluster"),
    ],
)
def test_what_does_not_fit(where: Cluster, what: Scorer, rest: dict[str, Any], told: str) -> None:
    with pytest.raises(Refusal, match=told):
        check_fits(where, what, **{"autoscale": False, "replicas": 1, "used": 0.0, **rest})


def test_what_fits() -> None:
    check_fits(cluster(), scorer(cpu=3.0), autoscale=True, replicas=3, used=0.0)
    check_fits(cluster("Standard_NC6s_v3", 2), scorer(gpu=1), autoscale=False, replicas=2, used=0.0)
