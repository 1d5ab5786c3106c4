"""A name that somebody else's service has: nothing of that service is touched, by no command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.azure_place import Rehearsal, new_name, version

from toc_build.errors import TargetError
from toc_build.findings import Severity
from toc_build.rehearsal.surroundings import rehearsed
from toc_build.targets.azure.place import candidate_name
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.protocol import State, Version

pytestmark = pytest.mark.end_to_end

# What a colleague would run: azureml-core, nothing of toc-build.
SCRIPT = """
import os, sys
from azureml.core import Environment, Workspace
from azureml.core.compute import AksCompute
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import AciWebservice, AksWebservice

kind, name, code = sys.argv[1:]
workspace = Workspace.get(
    os.environ["AZUREML_WORKSPACE"],
    subscription_id=os.environ["AZURE_SUBSCRIPTION_ID"],
    resource_group=os.environ["AZURE_RESOURCE_GROUP"],
)
environment = Environment.from_conda_specification("theirs", f"{code}/../environment/conda.yml")
environment.inferencing_stack_version = "latest"
if kind == "aci":
    configuration, compute = AciWebservice.deploy_configuration(tags={"owner": "somebody"}), None
else:
    configuration = AksWebservice.deploy_configuration(num_replicas=1, tags={"owner": "somebody"})
    compute = AksCompute(workspace, "inference-ml")
inference = InferenceConfig(entry_script="score.py", source_directory=code, environment=environment)
service = Model.deploy(workspace, name, [], inference, configuration, compute)
service.wait_for_deployment()
assert service.state == "Healthy", service.state
"""
CHANGES = ("services.create", "services.update", "services.delete", "services.regenerate", "services.keys")
UPLOADS = ("models.create", "assets.create", "upload.create", "upload.blob")


def made_by_somebody(azure: Rehearsal, kind: str, name: str) -> None:
    environ = {**rehearsed(os.environ, azure.running), "HOME": str(azure.folder)}
    code = azure.bundle("theirs").root / "code"
    subprocess.run([sys.executable, "-c", SCRIPT, kind, name, str(code)], env=environ, check=True)


@pytest.fixture(params=["aci", "aks"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def foreign(cheap: Rehearsal, kind: str) -> Iterator[str]:
    """The name of a service that somebody else made."""
    name = new_name("theirs")
    made_by_somebody(cheap, kind, name)
    yield name
    cheap.client.call("delete_service", name=name, pause_seconds=(0.2,))


def target(azure: Rehearsal, kind: str, name: str) -> AzureTarget:
    return azure.aci(name) if kind == "aci" else azure.aks(name, replicas=1)


def steps(azure: Rehearsal, since: int, *wanted: str) -> list[str]:
    return [one["step"] for one in azure.requests()[since:] if one.get("step") in wanted]


def test_a_name_that_is_taken(cheap: Rehearsal, kind: str, foreign: str) -> None:
    found, bundle = target(cheap, kind, foreign), cheap.bundle("ours", model="of a taken name")
    service, models = cheap.sent("service", foreign), cheap.models()
    since = len(cheap.requests())
    (wrong,) = [one for one in found.plan(bundle).findings if one.severity is Severity.ERROR]
    assert wrong.code == "TOC-AZURE-021"
    assert foreign in wrong.what
    version_of_then = Version("sha256:" + "0" * 64, found.describe().settings, {})
    for attempt in (
        lambda: list(found.apply(bundle)),
        lambda: list(found.rollback(version_of_then, bundle)),
        lambda: list(found.delete()),
    ):
        with pytest.raises(TargetError) as refused:
            attempt()
        assert refused.value.code == "TOC-AZURE-021"
        assert "service_name" in str(refused.value.problems[0].fix)
    assert steps(cheap, since, *CHANGES, *UPLOADS) == []
    assert (cheap.sent("service", foreign), cheap.models()) == (service, models)
    assert found.live() is None
    status = found.status()
    assert (status.state, status.digest) == (State.READY, None)
    assert version(str(status.scoring_uri), found.headers()) == "theirs"


def test_a_service_that_has_the_candidate_s_name(cheap: Rehearsal, kind: str) -> None:
    name = new_name("ours")
    beside = candidate_name(name)
    found = target(cheap, kind, name)
    list(found.apply(cheap.bundle("one")))
    made_by_somebody(cheap, kind, beside)
    service, since = cheap.sent("service", beside), len(cheap.requests())
    with pytest.raises(TargetError) as refused:
        list(found.apply(cheap.bundle("two")))
    assert refused.value.code == "TOC-AZURE-021"
    assert beside in str(refused.value)
    assert steps(cheap, since, *CHANGES, *UPLOADS) == []
    assert version(str(found.status().scoring_uri), found.headers()) == "one"
    list(found.delete())
    assert cheap.sent("service", beside) == service
    cheap.client.call("delete_service", name=beside, pause_seconds=(0.2,))
