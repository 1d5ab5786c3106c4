"""The template's own module, and a git repository that holds the project, for the tests of the template."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from support.template_bakes import PROJECT, TEMPLATE, git


@pytest.fixture(scope="session")
def toc_template() -> ModuleType:
    """cookiecutter-toc-model/toc_template.py."""
    spec = importlib.util.spec_from_file_location("toc_template_under_test", TEMPLATE / "toc_template.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project_in_git(tmp_path: Path) -> Path:
    """A git repository of one commit, tagged v1.2, with what of the project a bake needs."""
    folder = (
        tmp_path / "toc build.git"
    )  # cookiecutter wants "git" in a URL; a blank, as in many a home folder
    folder.mkdir()
    shutil.copy(PROJECT / "pyproject.toml", folder)
    shutil.copytree(
        TEMPLATE, folder / TEMPLATE.name, ignore=shutil.ignore_patterns("__pycache__", ".ruff_cache")
    )
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "first")
    git(folder, "tag", "--annotate", "--message", "release", "v1.2")
    return folder
