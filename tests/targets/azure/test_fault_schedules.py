"""Random schedules of faults, by seed: whatever goes wrong and how often, nothing is lost or doubled.

Genuine azureml-core against the rehearsal; the scorers are cheap, because a seed starts about five of them.
The whole proof is 200 seeds: TOC_FAULT_SEEDS=0-200 python3 dev.py acceptance -- -k schedule -n 2 --dist load
"""

from __future__ import annotations

import os

import pytest
from support.azure_place import Rehearsal, new_name, version

from toc_build.errors import Problem, TargetError
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end

SEEDS = range(*map(int, os.environ.get("TOC_FAULT_SEEDS", "0-5").split("-")))


def target(azure: Rehearsal, name: str) -> AzureTarget:
    return azure.aks(name, deadlines={"schedule": 5.0, "build": 5.0, "init": 4.0, "ready": 8.0}, replicas=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_schedule_of_faults(cheap: Rehearsal, seed: int) -> None:
    """Callers get one's answers or two's all the time, and in the end two's; what fails is told."""
    name = new_name("random")
    found = target(cheap, name)
    list(found.apply(cheap.bundle("one")))
    uri, headers = str(found.status().scoring_uri), found.headers()
    two = cheap.bundle("two", model=f"seed {seed}")
    models = set(cheap.models())
    cheap.fault(f"random:{seed}")
    problems: tuple[Problem, ...] = ()
    try:
        list(found.apply(two))
    except TargetError as error:
        problems = error.problems
    finally:
        cheap.calm()
    codes = {problem.code for problem in problems}
    assert not {"TOC-AZURE-011", "TOC-AZURE-015"} & codes, problems
    assert all(problem.fix for problem in problems[:1]), problems
    assert version(uri, headers) in ("one", "two")
    assert found.status().state is State.READY or "TOC-AZURE-023" in codes
    list(found.apply(two))
    assert found.status().state is State.READY
    assert version(uri, headers) == "two"
    assert len(set(cheap.models()) - models) == 1
    assert [one for one in cheap.services() if one.startswith(name)] == [name]
    list(found.delete())
