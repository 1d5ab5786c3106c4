"""Random schedules of faults, by seed: whatever goes wrong and how often, nothing is lost or doubled.

Genuine azureml-core against the rehearsal; the scorers are cheap, because a seed starts about five of them.
The whole proof is 200 seeds: TOC_FAULT_SEEDS=0-200 python3 dev.py acceptance -- -k schedule --dist load
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.azure_place import Rehearsal, new_name, rehearsal, version
from support.cheap_server import write_cheap_server

from toc_build.environment import ensure_sdk_v1
from toc_build.errors import TargetError
from toc_build.paths import CACHE_VARIABLE
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end

SEEDS = range(*map(int, os.environ.get("TOC_FAULT_SEEDS", "0-5").split("-")))
# What the SDK waits before it asks again: how often it asks counts here, not when.
IMPATIENT = {f"AZUREML_DEFAULT_{name}BACKOFF": "0" for name in ("", "500_", "503_")}


@pytest.fixture(scope="module")
def cheap(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal whose scorers start at once, signed in."""
    folder = tmp_path_factory.mktemp("cheap")
    before = dict(os.environ)
    os.environ[CACHE_VARIABLE] = str(shared_cache)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        ensure_sdk_v1()
        os.environ.update(IMPATIENT, UV_FIND_LINKS=str(write_cheap_server(folder / "wheels")), UV_NO_INDEX="1")
        with rehearsal(folder / "azure") as found:
            yield found
    finally:
        os.environ.clear()
        os.environ.update(before)


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
