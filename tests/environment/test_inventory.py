"""Listing and removing what is in the cache."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from toc_build.environment import (
    ensure_environment,
    ensure_test_tools,
    find_environment,
    list_environments,
    lock,
    prune,
)
from toc_build.environment.build import interpreter_in
from toc_build.environment.cache import Marker, environments_dir, held, tools_dir, write_marker
from toc_build.repository import Repository

NOW = 2_000_000_000.0
DAY = 86400.0


def store(key: str, *, days: float = 0, parent: Path | None = None) -> Path:
    """Puts an environment that looks whole into the cache, last used some days before NOW."""
    folder = (parent or environments_dir()) / key
    interpreter_in(folder).parent.mkdir(parents=True)
    interpreter_in(folder).write_text("")
    write_marker(
        folder, Marker(key, "3.11", "0.1", NOW - 99 * DAY, 1000, ("numpy==2.3.2",), ("/r/requirements.lock",))
    )
    os.utime(folder / "environment.json", (NOW - days * DAY, NOW - days * DAY))
    return folder


def keys() -> list[str]:
    return sorted(item.key for item in list_environments())


def test_empty_cache() -> None:
    assert list_environments() == []
    assert prune(now=NOW, everything=True) == []
    assert not environments_dir().exists()


def test_list() -> None:
    store("older", days=3)
    store("newer", days=1)
    store("tool", days=2, parent=tools_dir())
    found = list_environments()
    assert [item.key for item in found] == ["newer", "tool", "older"]
    assert [item.kind for item in found] == ["scoring", "tools", "scoring"]
    marker = found[0].marker
    assert marker
    assert (marker.python, marker.size_bytes, marker.packages) == ("3.11", 1000, ("numpy==2.3.2",))
    assert marker.locks == ("/r/requirements.lock",)
    assert found[0].last_used == NOW - DAY
    assert not found[0].in_use


def test_prune_by_age_and_by_name() -> None:
    store("a", days=40)
    store("b", days=31)
    store("c", days=1)
    removed = prune(now=NOW, older_than_days=30, keep=["b"])
    assert [item.key for item in removed] == ["a"]
    assert keys() == ["b", "c"]


def test_prune_without_a_wish_removes_what_is_damaged() -> None:
    store("whole", days=400)
    (environments_dir() / "half").mkdir()
    (environments_dir() / "whole.building-99999999").mkdir()
    gone = store("no-interpreter")
    interpreter_in(gone).unlink()
    removed = prune(now=NOW)
    assert sorted(item.key for item in removed) == ["half", "no-interpreter", "whole.building-99999999"]
    assert keys() == ["whole"]


def test_prune_everything() -> None:
    store("a")
    store("t", parent=tools_dir())
    assert len(prune(now=NOW, everything=True)) == 2
    assert keys() == []


def test_what_is_being_built_stays() -> None:
    (environments_dir() / "a.building-1").mkdir(parents=True)
    with held(environments_dir() / "a", what="it", progress=print):
        assert prune(now=NOW, everything=True) == []
    assert keys() == ["a.building-1"]


def test_what_a_process_runs_from_stays(
    wheelhouse: Path, repository: Repository, python_version: str
) -> None:
    locked = lock(repository)
    environment = ensure_environment(locked, python_version)
    command = [environment.python, "-c", "print(flush=True); input()"]
    service = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert service.stdout
    service.stdout.readline()
    try:
        item = list_environments()[0]
        assert item.in_use
        assert item.pids == (service.pid,)
        assert prune(now=NOW, everything=True) == []
        assert find_environment(locked, python_version) == environment
    finally:
        service.communicate("\n", timeout=20)
    assert [item.key for item in prune(now=NOW, everything=True)] == [environment.key]
    assert find_environment(locked, python_version) is None
    assert not [path for path in environments_dir().iterdir() if path.is_dir()]


def test_use_is_recorded(
    wheelhouse: Path,
    make_repository: Callable[..., Repository],
    python_version: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ensure_test_tools(python_version)
    environment = ensure_environment(lock(make_repository()), python_version)
    os.utime(environment.root / "environment.json", (1, 1))
    find_environment(make_repository().lock_path, python_version)
    assert list_environments()[0].last_used > 1
