"""Whatever goes wrong: a true message, nothing doubled, nothing lost, and a second run completes."""

from __future__ import annotations

import pytest
from support.azure_place import Rehearsal, new_name, version
from support.targets_bundles import HandMadeBundle

from toc_build.errors import TargetError
from toc_build.targets.azure.place import candidate_name
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end

FAULTS = [
    "computes.get:503",
    "upload.create:500",
    "upload.blob:half",
    "upload.blob:cut",
    "assets.create:503",
    "models.create:lost",
    "models.create:500x9",
    "models.get:429",
    "services.validate:500",
    "services.create:500",
    "services.create:lost",
    "services.create:cutx9",
    "services.create:quota",
    "services.get:503x2",
    "services.update:lost",
    "services.update:500x9",
    "services.delete:500",
    "services.keys:503",
    "services.logs:500x9",
    "operations.get:cutx3",
    "operations.get:500x3",
    "operations.get:expired",
    "build:fail",
    "build:quota",
    "deploy:quota",
    "deploy:never",
    "init:raise",
]


def target(azure: Rehearsal, name: str) -> AzureTarget:
    return azure.aks(name, deadlines={"schedule": 20.0, "build": 20.0, "init": 8.0}, replicas=1)


def attempt(azure: Rehearsal, name: str, bundle: HandMadeBundle) -> TargetError | None:
    """What an apply said when it failed."""
    try:
        list(target(azure, name).apply(bundle))
    except TargetError as error:
        return error
    return None


def answering(found: AzureTarget) -> str:
    uri = found.status().scoring_uri
    assert uri is not None
    return version(uri, found.headers())


def whole(azure: Rehearsal, name: str, models: set[str]) -> None:
    """No service is doubled or left over, no model version has no use."""
    assert [one for one in azure.services() if one.startswith(name)] == [name]
    assert candidate_name(name) not in azure.services()
    assert set(azure.models()) == models


@pytest.fixture(autouse=True)
def calm(azure: Rehearsal) -> None:
    azure.calm()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_update_with_a_fault(azure: Rehearsal, fault: str) -> None:
    name = new_name("fault")
    list(target(azure, name).apply(azure.bundle("one")))
    two = azure.bundle("two", model=fault)
    models = set(azure.models())
    azure.fault(fault)
    said = attempt(azure, name, two)
    azure.calm()
    if said is not None:
        problem = said.problems[0]
        assert problem.code.startswith(("TOC-AZURE-", "TOC-TARGET-003"))
        assert problem.code not in ("TOC-AZURE-011", "TOC-AZURE-015"), str(said)
        assert problem.fix
        status = target(azure, name).status()
        assert status.state is State.READY, status
        assert answering(target(azure, name)) in ("one", "two")
    list(target(azure, name).apply(two))
    assert answering(target(azure, name)) == "two"
    assert len(set(azure.models()) - models) == 1
    whole(azure, name, set(azure.models()))
    list(target(azure, name).delete())


@pytest.mark.parametrize(
    "fault", ["services.create:lost", "services.create:500x9", "init:raise", "build:fail"]
)
def test_a_first_version_with_a_fault(azure: Rehearsal, fault: str) -> None:
    name, one = new_name("first"), azure.bundle("one")
    azure.fault(fault)
    said = attempt(azure, name, one)
    azure.calm()
    if said is not None:
        assert said.problems[0].fix
        assert target(azure, name).live() is None
    list(target(azure, name).apply(one))
    assert answering(target(azure, name)) == "one"
    list(target(azure, name).delete())
