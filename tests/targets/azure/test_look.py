"""What Azure would refuse is refused in the plan, before anything is uploaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.azure_place import Rehearsal
from support.model_repository import write_model_repository

from toc_build.deployment.plan import plan
from toc_build.environment import lock
from toc_build.errors import TargetError
from toc_build.findings import Severity
from toc_build.rehearsal.surroundings import rehearsed
from toc_build.repository import load
from toc_build.targets.azure import clusters
from toc_build.targets.azure.clusters import ClusterRequest

pytestmark = pytest.mark.end_to_end

AKS = "  aks:\n    compute_target_name: {}\n    {}\n"
CASES = [
    ("aks", AKS.format("nowhere", "replicas: 1"), "TOC-AKS-002", "inference-ml"),
    ("aks", AKS.format("dev-ml", "autoscale: {min_replicas: 1}"), "TOC-DOC-102", "replicas"),
    ("aks", AKS.format("small-ml", "replicas: 1"), "TOC-DOC-101", "12"),
    ("aks", AKS.format("inference-ml", "gpu_cores: 1"), "TOC-DOC-106", "GPU"),
    ("aks", AKS.format("inference-ml", "cpu_cores: 16"), "TOC-DOC-104", "16 cores"),
    ("aks", AKS.format("inference-ml", "replicas: 400"), "TOC-AZURE-025", "10.8 left"),
    ("aci", "  aci:\n    cpu_cores: 30\n    memory_gb: 200\n", "TOC-AZURE-025", "30 cores"),
]


@pytest.fixture(scope="module")
def locked(azure: Rehearsal, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_model_repository(tmp_path_factory.mktemp("locked") / "bright-things")
    lock(load(folder))
    return folder


@pytest.fixture
def repository(
    locked: Path, azure: Rehearsal, shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    import shutil

    environ = rehearsed(os.environ, azure.running) | {"TOC_BUILD_CACHE_DIR": str(shared_cache)}
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return Path(shutil.copytree(locked, tmp_path / "bright-things"))


@pytest.mark.parametrize(("target", "section", "code", "words"), CASES)
def test_refused_in_the_plan(
    repository: Path, azure: Rehearsal, target: str, section: str, code: str, words: str
) -> None:
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(deploy_yml.read_text() + section)
    models = azure.models()
    found = {finding.code: finding for finding in plan(load(repository), target).findings}
    assert found[code].severity is Severity.ERROR
    assert words in f"{found[code].what} {found[code].fix}"
    assert str(found[code].where).startswith("deploy.yml:")
    assert azure.models() == models


def test_a_name_of_the_other_target(repository: Path, azure: Rehearsal) -> None:
    name = "bright-things"
    list(azure.aks(name).apply(azure.bundle("one")))
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(f"{deploy_yml.read_text()}  aci:\n    service_name: {name}\n")
    codes = [finding.code for finding in plan(load(repository), "aci").findings]
    assert "TOC-AZURE-024" in codes
    list(azure.aks(name).delete())


def test_a_fitting_plan_has_no_error(repository: Path) -> None:
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(deploy_yml.read_text() + AKS.format("inference-ml", "replicas: 2"))
    findings = plan(load(repository), "aks").findings
    assert [one.code for one in findings if one.severity is Severity.ERROR] == []


def test_clusters(azure: Rehearsal) -> None:
    names = [one["name"] for one in clusters.clusters(azure.client)]
    assert {"inference-ml", "dev-ml"} <= set(names)
    made = clusters.create(azure.client, ClusterRequest("trial", "dev-test", nodes=1))
    assert (made["cores"], made["purpose"], made["location"]) == (4, "dev-test", "northeurope")
    with pytest.raises(TargetError, match="already"):
        clusters.create(azure.client, ClusterRequest("trial", "dev-test"))
    clusters.detach(azure.client, "trial", delete=True)
    with pytest.raises(TargetError, match="inference-ml"):
        clusters.cluster(azure.client, "trial")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ClusterRequest("trial", "production", nodes=2), "TOC-CLUSTER-009"),
        (ClusterRequest("trial", "production", vm_size="Standard_Nope"), "TOC-CLUSTER-005"),
        (ClusterRequest("t", "dev-test"), "TOC-CLUSTER-003"),
        (ClusterRequest("trial", "staging"), "TOC-CLUSTER-004"),
        (ClusterRequest("trial", "dev-test", vnet_name="v"), "TOC-CLUSTER-006"),
        (ClusterRequest("trial", "dev-test", ssl_cname="a.example"), "TOC-CLUSTER-006"),
    ],
)
def test_clusters_that_are_refused_before_anything_is_asked(request_: ClusterRequest, code: str) -> None:
    with pytest.raises(TargetError) as raised:
        clusters.check(request_)
    assert raised.value.code == code
    assert raised.value.problems[0].fix


def test_an_id_that_is_none_of_a_cluster(azure: Rehearsal) -> None:
    with pytest.raises(TargetError) as raised:
        clusters.attach(azure.client, "trial", "/subscriptions/x", "dev-test")
    assert raised.value.code == "TOC-CLUSTER-007"
