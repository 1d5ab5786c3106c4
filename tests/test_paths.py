from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.paths import CACHE_VARIABLE, cache_dir


def test_the_variable_moves_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "x"))
    assert cache_dir() == tmp_path / "x"


def test_a_relative_name_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, "x")
    assert cache_dir() == tmp_path / "x"


def test_the_default_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_dir().is_absolute()
    assert "toc-build" in cache_dir().parts
