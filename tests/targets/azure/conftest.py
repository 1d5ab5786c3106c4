"""One rehearsal for a whole module: starting one, and signing in, takes seconds.

All of it together takes a quarter of an hour: `python3 dev.py acceptance` runs it. What continuous
integration runs of it is named here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.azure_place import Rehearsal, rehearsal
from support.cheap_server import write_cheap_server

from toc_build.environment import ensure_sdk_v1
from toc_build.paths import CACHE_VARIABLE

IN_EVERY_RUN = {
    "test_aci.py": {"test_create", "test_update"},
    "test_aks.py": {
        "test_create",
        "test_the_same_again_changes_nothing",
        "test_the_judge_meets_the_new_version_alone",
        "test_a_rejected_update_is_withdrawn",
        "test_an_update_that_does_not_start[init]",
        "test_interrupted_at_any_step[switch]",
        "test_rollback",
    },
    "test_certificates.py": set(),
    "test_clusters.py": set(),
    "test_canary.py": {"test_a_canary_takes_its_share_and_is_promoted"},
    "test_faults.py": {"test_an_update_with_a_fault[services.create:lost]"},
    "test_fault_schedules.py": set(),
    "test_faulty_versions.py": set(),
    "test_foreign_services.py": {"test_a_name_that_is_taken[aci]"},
    "test_images.py": set(),
    "test_look.py": {"test_clusters", "test_a_fitting_plan_has_no_error"},
    "test_options.py": {"test_options[container]"},
    "test_registered_models.py": set(),
    "test_secrets.py": set(),
    "test_sign_in.py": set(),
    "test_transaction.py": {"test_the_names_of_candidates"},
}

# What the SDK waits before it asks again: how often it asks counts here, not when.
IMPATIENT = {f"AZUREML_DEFAULT_{name}BACKOFF": "0" for name in ("", "500_", "503_")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as acceptance what is not in every run."""
    for item in items:
        names = IN_EVERY_RUN.get(item.path.name)
        ours = item.path.parent == Path(__file__).parent
        if ours and names is not None and item.name not in names and item.get_closest_marker("end_to_end"):
            item.add_marker("acceptance")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of this run, in which environments are made once; TOC_TEST_CACHE names one to keep."""
    kept = os.environ.get("TOC_TEST_CACHE")
    return Path(kept) if kept else tmp_path_factory.mktemp("toc-build-cache")


@pytest.fixture(scope="module")
def azure(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal, signed in."""
    before = dict(os.environ)
    os.environ[CACHE_VARIABLE] = str(shared_cache)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        with rehearsal(tmp_path_factory.mktemp("azure")) as found:
            yield found
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def cheap(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal whose scorers start at once, signed in; the environments of these are its own."""
    folder = tmp_path_factory.mktemp("cheap")
    wheels = write_cheap_server(folder / "wheels")
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ[CACHE_VARIABLE] = str(shared_cache)
    try:
        sdk = ensure_sdk_v1()
        os.environ.update(IMPATIENT, UV_FIND_LINKS=str(wheels), UV_NO_INDEX="1")
        os.environ[CACHE_VARIABLE] = str(folder / "cache")
        with rehearsal(folder / "azure", sdk=sdk) as found:
            yield found
    finally:
        os.environ.clear()
        os.environ.update(before)
