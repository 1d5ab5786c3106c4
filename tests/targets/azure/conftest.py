"""One rehearsal for a whole module: starting one, and signing in, takes seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.azure_place import Rehearsal, rehearsal

from toc_build.paths import CACHE_VARIABLE


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of this run: the SDK's environment and the scorers' are made once."""
    return tmp_path_factory.mktemp("toc-build-cache")


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
