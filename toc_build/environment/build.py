"""Builds the scoring environment of a lock, once: every command and repository with that lock shares it.

`deployment.prepare` calls it. Warm, it reads one small file; uv runs only when something is built.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from toc_build.environment.cache import (
    Marker,
    Progress,
    apparent_size,
    environments_dir,
    make_once,
    platform_tag,
    quiet,
    read_marker,
    tool_version,
    touch,
    write_marker,
)
from toc_build.errors import EnvironmentBuildError

# Raised when environments are built in another way, so that old ones are not taken for new.
FORMAT = 1
_LOCKS_REMEMBERED = 10


@dataclass(frozen=True)
class ScoringEnvironment:
    """A scoring environment that is ready.

    Attributes:
        key: names it; the same for every repository with the same lock and Python version on such a machine.
        root: its folder.
        python: its interpreter.
    """

    key: str
    root: Path
    python: Path


def environment_key(lock: str, python_version: str) -> str:
    """The key of the environment for the text of a lock: 32 hex digits."""
    from toc_build.environment.lock_file import without_comments

    parts = (str(FORMAT), python_version, platform_tag(), without_comments(lock))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def find_environment(lock_path: Path, python_version: str) -> ScoringEnvironment | None:
    """The scoring environment of a lock if it is built already; nothing is built.

    Raises:
        EnvironmentBuildError: the lock cannot be read.
    """
    place = environments_dir() / environment_key(_read(lock_path), python_version)
    found = _ready(place)
    if found:
        _remember_use(place, lock_path)
    return found


def ensure_environment(
    lock_path: Path, python_version: str, *, progress: Progress | None = None
) -> ScoringEnvironment:
    """The scoring environment of a lock, built if it is not there or is damaged.

    Two processes that want the same one at once build it once: the other waits.

    Args:
        lock_path: the lock.
        python_version: minor version, such as `3.11`.
        progress: told in one line what is being done.

    Raises:
        EnvironmentBuildError: it cannot be built; nothing half-made is left.
    """
    tell = progress or quiet
    text = _read(lock_path)
    place = environments_dir() / environment_key(text, python_version)
    found = make_once(
        place,
        ready=_ready,
        make=lambda folder: _build(folder, place.name, text, python_version, tell),
        what="this scoring environment",
        progress=tell,
    )
    _remember_use(place, lock_path)
    return found


def interpreter_in(root: Path) -> Path:
    """Where a virtual environment has its interpreter."""
    return root / "Scripts" / "python.exe" if os.name == "nt" else root / "bin" / "python"


def _read(lock_path: Path) -> str:
    try:
        return lock_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise EnvironmentBuildError(
            f"the lock cannot be read: {reason}.",
            code="TOC-LOCK-002",
            where=str(lock_path),
            fix="make it anew: `nox -s lock`.",
        ) from None


def _ready(place: Path) -> ScoringEnvironment | None:
    """The environment in a folder, if it is whole and its interpreter is still there."""
    python = interpreter_in(place)
    if read_marker(place) is None or not python.exists():
        return None
    return ScoringEnvironment(place.name, place, python)


def _remember_use(place: Path, lock_path: Path) -> None:
    """Records time and lock of the use; a cache that cannot be written is still good to read."""
    marker, name = read_marker(place), str(lock_path.absolute())
    if marker is None or name in marker.locks:
        touch(place)
        return
    try:
        write_marker(place, replace(marker, locks=(*marker.locks, name)[-_LOCKS_REMEMBERED:]))
    except OSError:
        return


def _build(folder: Path, key: str, text: str, python_version: str, progress: Progress) -> None:
    from toc_build.environment.failures import failure
    from toc_build.environment.interpreters import find_interpreter
    from toc_build.environment.lock_file import read_lock
    from toc_build.environment.uv_tool import run_uv

    interpreter = find_interpreter(python_version, progress=progress, where="conda.yml")
    progress(f"creating an environment with Python {python_version}")
    here = folder.parent
    arguments = ["venv", "--no-project", "--relocatable", "--python", str(interpreter), str(folder)]
    finished = run_uv(arguments, cwd=here)
    if finished.status:
        raise failure(finished, task="the environment was being created", area="ENV", place=here)
    pins = read_lock(text).pins
    progress(f"installing {len(pins)} packages")
    lock = folder / "requirements.lock"
    lock.write_text(text, encoding="utf-8")
    arguments = [
        "pip",
        "sync",
        "--require-hashes",
        "--compile-bytecode",
        "--python",
        str(interpreter_in(folder)),
        str(lock),
    ]
    finished = run_uv(arguments, cwd=here, progress=progress)
    if finished.status:
        raise failure(finished, task="the packages of the lock were being installed", area="ENV", place=here)
    packages = tuple(f"{pin.name}=={pin.version}" for pin in pins)
    write_marker(
        folder, Marker(key, python_version, tool_version(), time.time(), apparent_size(folder), packages)
    )
