"""Building scoring environments with the real uv: once, whole, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support.repository_wheels import write_index, write_wheel

from toc_build.environment import (
    ScoringEnvironment,
    ensure_environment,
    environment_key,
    find_environment,
    lock,
)
from toc_build.environment.cache import environments_dir, held
from toc_build.errors import EnvironmentBuildError, Problem
from toc_build.repository import Repository

BUILD = """\
import sys
from pathlib import Path
from toc_build.environment import ensure_environment
found = ensure_environment(Path(sys.argv[1]), sys.argv[2], progress=lambda line: print(line, flush=True))
print("key", found.key, flush=True)
"""


@pytest.fixture
def locked(wheelhouse: Path, repository: Repository) -> Path:
    """The path of a fresh lock."""
    return lock(repository)


def refusal(action: Callable[[], object]) -> Problem:
    with pytest.raises(EnvironmentBuildError) as raised:
        action()
    assert len(raised.value.problems) == 1
    assert raised.value.problems[0].fix
    return raised.value.problems[0]


def folders() -> list[str]:
    return sorted(path.name for path in environments_dir().iterdir() if path.is_dir())


def installed(environment: ScoringEnvironment, module: str) -> str:
    command = [environment.python, "-c", f"import {module}; print({module}.__version__, {module}.__file__)"]
    version, file = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert file.startswith(str(environment.root))
    return version


def start_build(lock_path: Path, python_version: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(lock_path), python_version],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_build_then_warm(locked: Path, python_version: str) -> None:
    said: list[str] = []
    assert find_environment(locked, python_version) is None
    environment = ensure_environment(locked, python_version, progress=said.append)
    assert installed(environment, "numpy") == "2.3.2"
    assert said[0] == f"creating an environment with Python {python_version}"
    assert folders() == [environment.key]
    marker = json.loads((environment.root / "environment.json").read_text())
    assert marker["python"] == python_version
    assert "numpy==2.3.2" in marker["packages"]
    assert marker["size_bytes"] > 0

    os.utime(environment.root / "environment.json", (0, 0))
    said.clear()
    started = time.perf_counter()
    assert ensure_environment(locked, python_version, progress=said.append) == environment
    assert time.perf_counter() - started < 0.03
    assert said == []
    assert find_environment(locked, python_version) == environment
    assert (environment.root / "environment.json").stat().st_mtime > 0


def test_bytecode_is_compiled_and_files_are_shared_with_the_cache_of_uv(
    locked: Path, python_version: str
) -> None:
    environment = ensure_environment(locked, python_version)
    module = next(environment.root.rglob("numpy/__init__.py"))
    assert list(module.parent.glob("__pycache__/*.pyc"))
    assert module.stat().st_nlink > 1


def test_key(locked: Path, python_version: str) -> None:
    text = locked.read_text()
    key = environment_key(text, "3.11")
    assert environment_key("# another comment\n" + text, "3.11") == key
    assert environment_key(text, "3.12") != key
    assert environment_key(text.replace("numpy==2.3.2", "numpy==2.3.1"), "3.11") != key


def test_two_repositories_with_the_same_lock_share_one(
    wheelhouse: Path, make_repository: Callable[..., Repository], python_version: str
) -> None:
    one = ensure_environment(lock(make_repository(name="a")), python_version)
    two = ensure_environment(lock(make_repository(name="b")), python_version)
    assert one == two
    assert len(json.loads((one.root / "environment.json").read_text())["locks"]) == 2


def test_no_variable_of_the_caller_misleads_the_build(
    locked: Path, python_version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    for name in ("UV_SYSTEM_PYTHON", "PYTHONDONTWRITEBYTECODE", "FORCE_COLOR"):
        monkeypatch.setenv(name, "1")
    environment = ensure_environment(locked, python_version)
    assert list(environment.root.rglob("numpy/__pycache__/*.pyc"))


def test_damaged_environment_is_built_again(locked: Path, python_version: str) -> None:
    environment = ensure_environment(locked, python_version)
    environment.python.unlink()
    assert find_environment(locked, python_version) is None
    assert ensure_environment(locked, python_version) == environment
    assert installed(environment, "numpy") == "2.3.2"

    (environment.root / "environment.json").write_text("{")
    assert find_environment(locked, python_version) is None
    assert ensure_environment(locked, python_version) == environment
    assert folders() == [environment.key]


def test_half_an_environment_is_never_taken_for_a_whole(locked: Path, python_version: str) -> None:
    key = environment_key(locked.read_text(), python_version)
    for name in (key, f"{key}.building-1", f"{key}.removing-2"):
        (environments_dir() / name / "bin").mkdir(parents=True)
    environment = ensure_environment(locked, python_version)
    assert installed(environment, "numpy") == "2.3.2"
    assert folders() == [key]


def test_two_at_once_build_it_once(locked: Path, python_version: str) -> None:
    place = environments_dir() / environment_key(locked.read_text(), python_version)
    place.parent.mkdir(parents=True)
    with held(place, what="it", progress=print):
        builds = [start_build(locked, python_version) for _ in range(2)]
        first = [build.stdout.readline() for build in builds if build.stdout]  # both are waiting now
    outputs = [build.communicate(timeout=60)[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], outputs
    assert all("waiting for it" in line for line in first)
    assert sum("creating an environment" in output for output in outputs) == 1
    assert all(f"key {place.name}" in output for output in outputs)
    assert folders() == [place.name]


@pytest.fixture
def stuck_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An index that takes connections and never answers: a build on it goes on until it is ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        yield


def wait_for_download(build: subprocess.Popen[str]) -> psutil.Process:
    """Waits until uv installs, and gives its process."""

    def downloading() -> bool:
        return bool(list(environments_dir().glob("*.building-*/requirements.lock"))) and bool(children())

    def children() -> list[psutil.Process]:
        return [child for child in psutil.Process(build.pid).children() if "sync" in child.cmdline()]

    wait_until(downloading)
    return children()[0]


def test_interrupt_ends_uv_and_leaves_nothing(locked: Path, python_version: str, stuck_index: None) -> None:
    build = start_build(locked, python_version)
    uv = wait_for_download(build)
    build.send_signal(signal.SIGINT)
    build.communicate(timeout=20)
    assert build.returncode != 0
    assert not uv.is_running() or uv.status() == psutil.STATUS_ZOMBIE
    assert folders() == []


def test_kill_leaves_nothing_that_is_taken_for_good(
    locked: Path, python_version: str, stuck_index: None, monkeypatch: pytest.MonkeyPatch, wheelhouse: Path
) -> None:
    build = start_build(locked, python_version)
    uv = wait_for_download(build)
    build.kill()
    build.wait(20)
    uv.kill()
    if build.stdout:
        build.stdout.close()
    assert len(folders()) == 1
    assert find_environment(locked, python_version) is None
    monkeypatch.setenv("UV_DEFAULT_INDEX", (wheelhouse / "simple").as_uri())
    environment = ensure_environment(locked, python_version)
    assert folders() == [environment.key]


def test_uv_that_is_killed(locked: Path, python_version: str, stuck_index: None) -> None:
    build = start_build(locked, python_version)
    wait_for_download(build).kill()
    output = build.communicate(timeout=20)[0]
    assert "TOC-ENV-020" in output
    assert "SIGKILL" in output
    assert folders() == []


def test_hash_mismatch(
    locked: Path, python_version: str, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_wheel(wheelhouse, "numpy", "2.3.2", files={"numpy/extra.py": "evil = True\n"})
    write_index(wheelhouse)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
    problem = refusal(lambda: ensure_environment(locked, python_version))
    assert problem.code == "TOC-ENV-022"
    assert "numpy" in problem.what
    assert folders() == []


def test_no_wheel_for_this_platform(
    wheelhouse: Path, make_repository: Callable[..., Repository], python_version: str
) -> None:
    locked = lock(make_repository("      - numpy", "      - elsewhere\n      - numpy"))
    problem = refusal(lambda: ensure_environment(locked, python_version))
    assert problem.code == "TOC-ENV-025"
    assert "elsewhere" in (problem.details or "")
    assert folders() == []


def test_no_network(
    locked: Path, python_version: str, monkeypatch: pytest.MonkeyPatch, free_tcp_port: int, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{free_tcp_port}/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    problem = refusal(lambda: ensure_environment(locked, python_version))
    assert problem.code == "TOC-ENV-021"
    assert folders() == []


def test_cache_that_cannot_be_written(
    locked: Path, python_version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOC_BUILD_CACHE_DIR", str(tmp_path / "file" / "cache"))
    problem = refusal(lambda: ensure_environment(locked, python_version))
    assert problem.code == "TOC-ENV-008"
    assert "TOC_BUILD_CACHE_DIR" in (problem.fix or "")


def test_cache_of_uv_that_cannot_be_written(
    locked: Path, python_version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "file" / "cache"))
    problem = refusal(lambda: ensure_environment(locked, python_version))
    assert problem.code == "TOC-ENV-023"
    assert "UV_CACHE_DIR" in (problem.fix or "")
    assert folders() == []


def test_warm_environment_of_a_cache_that_cannot_be_written(
    locked: Path, python_version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = ensure_environment(locked, python_version)
    other = locked.with_name("other.lock")
    shutil.copy(locked, other)

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.utime", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    assert ensure_environment(locked, python_version) == environment
    assert ensure_environment(other, python_version) == environment


def test_missing_lock(tmp_path: Path, python_version: str) -> None:
    assert refusal(lambda: ensure_environment(tmp_path / "no.lock", python_version)).code == "TOC-LOCK-002"
