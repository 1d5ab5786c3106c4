"""A model repository and an index of small wheels, so that real locks and environments take a second."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.repository_files import CONDA, write_repository
from support.repository_wheels import offline

from toc_build.repository import Repository, load

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of uv that the tests share: it knows this machine's interpreters, slow to look at."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def wheelhouse(tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheels of the only index that uv knows during the test."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return offline(monkeypatch, tmp_path, uv_cache)


@pytest.fixture
def python_version() -> str:
    """The minor version of Python that certainly is on this machine."""
    return THIS_PYTHON


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[..., Repository]:
    """Makes a model repository; arguments in pairs change conda.yml: old, new, old, new."""

    def make(*changes: str, name: str = "river-litter") -> Repository:
        text = CONDA.replace("python=3.11", f"python={THIS_PYTHON}")
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in text
            text = text.replace(old, new)
        return load(write_repository(tmp_path / name, conda=text))

    return make


@pytest.fixture
def repository(make_repository: Callable[..., Repository]) -> Repository:
    """A model repository without a lock."""
    return make_repository()
