"""A model repository with a lock of small wheels, and a base of four files: real builds in a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.image_builds import THIS_PYTHON, write_base
from support.repository_files import CONDA, DEPLOY, write_repository
from support.repository_wheels import offline

from toc_build.bundle import Bundle, assemble
from toc_build.environment import lock
from toc_build.image import BuiltImage, ImageSettings, build_image
from toc_build.repository import Repository, load


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of uv that the tests share: it knows this machine's interpreters, slow to look at."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def wheelhouse(tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheels of the only index that uv knows during the test."""
    return offline(monkeypatch, tmp_path, uv_cache)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An OCI layout with a base image."""
    folder = tmp_path / "base"
    write_base(folder)
    return folder


@pytest.fixture
def make_repository(tmp_path: Path, wheelhouse: Path, base: Path) -> Callable[..., Repository]:
    """Makes a locked model repository; `image` is what stands under `image:` in deploy.yml."""

    def make(
        name: str = "river-litter", image: str = "  base: oci:../base\n", conda: str = CONDA
    ) -> Repository:
        text = conda.replace("python=3.11", f"python={THIS_PYTHON}")
        root = write_repository(tmp_path / name, deploy=f"{DEPLOY}image:\n{image}", conda=text)
        repository = load(root)
        lock(repository)
        return repository

    return make


@pytest.fixture
def repository(make_repository: Callable[..., Repository]) -> Repository:
    """A locked model repository with a base."""
    return make_repository()


@pytest.fixture
def bundle(repository: Repository) -> Bundle:
    """Its bundle."""
    return assemble(repository)


@pytest.fixture
def settings(repository: Repository) -> ImageSettings:
    """Its settings."""
    return ImageSettings.of(repository)


@pytest.fixture
def build(bundle: Bundle, settings: ImageSettings) -> Callable[..., BuiltImage]:
    """Builds the image; keywords change the settings, `into` and `told` the rest."""

    def run(into: Path | None = None, told: list[str] | None = None, **changes: Any) -> BuiltImage:
        tell = (told if told is not None else []).append
        return build_image(bundle, settings=replace(settings, **changes), cache=into, progress=tell)

    return run
