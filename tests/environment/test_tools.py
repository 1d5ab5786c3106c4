"""The test tools: beside the scoring environment, never in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.repository_wheels import write_index

from toc_build.environment import ensure_environment, ensure_test_tools, lock
from toc_build.errors import EnvironmentBuildError
from toc_build.repository import Repository


def test_installed_once_and_found_behind_the_environment(
    wheelhouse: Path, repository: Repository, python_version: str
) -> None:
    said: list[str] = []
    folder = ensure_test_tools(python_version, progress=said.append)
    assert said
    said.clear()
    assert ensure_test_tools(python_version, progress=said.append) == folder
    assert said == []

    environment = ensure_environment(lock(repository), python_version)
    code = f"import sys; sys.path.append({str(folder)!r}); import pytest, numpy; "
    code += "print(pytest.__version__, numpy.__file__)"
    version, numpy = subprocess.run(
        [environment.python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert version == "9.0.0"
    assert numpy.startswith(str(environment.root))
    assert not list(environment.root.rglob("pytest"))


def test_damaged_tools_are_installed_again(wheelhouse: Path, python_version: str) -> None:
    folder = ensure_test_tools(python_version)
    (folder / "pytest" / "__init__.py").unlink()
    (folder / "pytest").rename(folder / "pytest-gone")
    assert ensure_test_tools(python_version) == folder
    assert (folder / "pytest" / "__init__.py").exists()


def test_index_without_pytest(wheelhouse: Path, python_version: str) -> None:
    for path in wheelhouse.glob("pytest-*.whl"):
        path.unlink()
    (wheelhouse / "simple" / "pytest" / "index.html").unlink()
    (wheelhouse / "simple" / "pytest").rmdir()
    write_index(wheelhouse)
    with pytest.raises(EnvironmentBuildError) as raised:
        ensure_test_tools(python_version)
    assert raised.value.code == "TOC-ENV-027"
    assert "pytest" in raised.value.problems[0].what
