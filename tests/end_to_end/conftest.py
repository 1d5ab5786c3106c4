"""Bakes model repositories and drives them as a user does: nox in a shell, HTTP from outside.

The cache is shared by the whole run, so that each scoring environment is built once; it is never the user's
own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.shell import Run

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "cookiecutter-toc-model"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of this run."""
    return tmp_path_factory.mktemp("toc-build-cache")


@pytest.fixture(autouse=True)
def cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the empty cache of unit tests."""
    monkeypatch.setenv("TOC_BUILD_CACHE_DIR", str(shared_cache))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return shared_cache


def bake(folder: Path, *arguments: str, **answers: str) -> Path:
    """Runs cookiecutter as a user does, and returns the model repository."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--output-dir", str(folder)),
            *arguments,
            *(f"{key}={value}" for key, value in answers.items()),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    (repository,) = folder.iterdir()
    return repository


@pytest.fixture
def baked(tmp_path: Path) -> Callable[..., Path]:
    """Bakes into a folder of the test's own."""
    return lambda name="baked", **answers: bake(tmp_path / name, **answers)


@pytest.fixture
def shell(cache: Path) -> Iterator[Run]:
    """Runs a command in a model repository; services that are still there afterwards are deleted."""
    used: set[Path] = set()

    def run(
        repository: Path,
        *command: str,
        check: bool = True,
        script_mode: bool = False,
        timeout: float = 600,
        **environ: str,
    ) -> subprocess.CompletedProcess[str]:
        used.add(repository)
        environment = {**os.environ, **environ}
        if (
            not script_mode
        ):  # this interpreter has toc-build already; the header's own way is tested once per framework
            environment["NOX_SCRIPT_MODE"] = "none"
        words = [sys.executable, "-m", *command] if command[0] in {"nox", "toc_build"} else list(command)
        done = subprocess.run(
            words,
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    yield run
    for repository in used:
        if (repository / "deploy.yml").is_file():
            subprocess.run(
                [sys.executable, "-m", "toc_build", "delete"],
                cwd=repository,
                capture_output=True,
                check=False,
                timeout=60,
            )


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an example that a test may change."""

    def copy(name: str) -> Path:
        place = tmp_path / name
        shutil.copytree(
            ROOT / "examples" / name,
            place,
            ignore=shutil.ignore_patterns("__pycache__", ".nox", ".toc", ".*_cache"),
        )
        return place

    return copy


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.acceptance)])
def on_its_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Has a model repository served by each engine of the local target in turn."""
    engine: str = request.param

    def set_engine(repository: Path) -> Path:
        if engine == "docker":
            monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("engine_address"))
            deploy_yml = repository / "deploy.yml"
            text = deploy_yml.read_text().replace("  local:\n", "  local:\n    engine: docker\n", 1)
            deploy_yml.write_text(f"{text}\nimage:\n  base: {request.getfixturevalue('base_image')}\n")
        return repository

    return set_engine
