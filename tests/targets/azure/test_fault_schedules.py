"""Random schedules of faults, by seed: whatever goes wrong and how often, nothing is lost or doubled.

Genuine azureml-core against the rehearsal; the scorers are cheap, because a seed starts about five of them.
The whole proof is 200 seeds: TOC_FAULT_SEEDS=0-200 python3 dev.py acceptance -- -k schedule --dist load
"""

from __future__ import annotations

import os

import pytest
from support.azure_place import Rehearsal, new_name, version

from toc_build.errors import TargetError
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end

SEEDS = range(*map(int, os.environ.get("TOC_FAULT_SEEDS", "0-5").split("-")))


def target(azure: Rehearsal, name: str) -> AzureTarget:
    return azure.aks(name, deadlines={"schedule": 5.0, "build": 5.0, "init": 4.0, "ready": 8.0}, replicas=1)


def answering(found: AzureTarget) -> str:
    uri = found.status().scoring_uri
    assert uri is not None
    return version(uri, found.headers())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_schedule_of_faults(cheap: Rehearsal, seed: int) -> None:
    """One or two answers, and in the end two does; a failure that is told names its cause and a way out."""
    name = new_name("random")
    list(target(cheap, name).apply(cheap.bundle("one")))
    two = cheap.bundle("two", model=f"seed {seed}")
    models = set(cheap.models())
    cheap.fault(f"random:{seed}")
    try:
        list(target(cheap, name).apply(two))
    except TargetError as error:
        problem = error.problems[0]
        assert problem.code not in ("TOC-AZURE-011", "TOC-AZURE-015"), str(error)
        assert problem.fix, str(error)
    finally:
        cheap.calm()
    found = target(cheap, name)
    assert found.status().state is State.READY
    assert answering(found) in ("one", "two")
    list(found.apply(two))
    assert answering(found) == "two"
    assert len(set(cheap.models()) - models) == 1
    assert [one for one in cheap.services() if one.startswith(name)] == [name]
    list(found.delete())
