"""Finding the interpreter of an asked version."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from toc_build.environment.interpreters import base_interpreter, find_interpreter, installed_versions
from toc_build.errors import EnvironmentBuildError

MISSING = "3.97"


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch: pytest.MonkeyPatch, uv_cache: Path) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")


def pretend_python(path: Path, version: str) -> None:
    """A program that answers like a Python of that version."""
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)


def test_this_python(python_version: str) -> None:
    assert find_interpreter(python_version).exists()


def test_missing_version(python_version: str) -> None:
    with pytest.raises(EnvironmentBuildError) as raised:
        find_interpreter(MISSING, where="conda.yml")
    problem = raised.value.problems[0]
    assert problem.code == "TOC-ENV-001"
    assert problem.where == "conda.yml"
    assert f"no Python {MISSING}" in problem.what
    assert python_version in problem.what
    assert f"uv python install {MISSING}" in (problem.fix or "")
    assert "conda.yml" in (problem.fix or "")


def test_version_of_pyenv_that_is_not_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    for patch in ("3.97.2", "3.97.10", "3.97-dev", "3.9.7"):
        pretend_python(tmp_path / "versions" / patch / "bin" / "python", MISSING)
    assert find_interpreter(MISSING) == tmp_path / "versions" / "3.97.10" / "bin" / "python"
    assert MISSING in installed_versions()


def test_interpreter_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    pretend_python(tmp_path / "versions" / "3.97.3" / "bin" / "python", "3.6")
    pretend_python(tmp_path / "versions" / "3.97.2" / "bin" / "python", MISSING)
    assert find_interpreter(MISSING).parent.parent.name == "3.97.2"


def test_shim_of_an_inactive_version_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "shims" / f"python{MISSING}"
    shim.parent.mkdir()
    shim.write_text(f"#!/bin/sh\necho 'pyenv: python{MISSING}: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    pretend_python(tmp_path / "versions" / "3.97.1" / "bin" / "python", MISSING)
    assert find_interpreter(MISSING).parent.parent.name == "3.97.1"


def test_home_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, python_version: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    assert find_interpreter(python_version).exists()


def test_base_interpreter_is_outside_the_virtual_environment() -> None:
    assert base_interpreter().exists()
    assert not str(base_interpreter()).startswith(sys.prefix) or sys.prefix == sys.base_prefix
