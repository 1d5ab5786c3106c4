"""The cache of things that are made once and used by many: where they stand, how they are made.

`build` keeps scoring environments here, `tools` the test tools, and `inventory` lists and removes them. A
thing is a folder. It is made beside its place, under a lock, and renamed when it is whole, so that a folder
in its place is good.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from toc_build.errors import EnvironmentBuildError
from toc_build.paths import CACHE_VARIABLE, cache_dir

MARKER = "environment.json"
Progress = Callable[[str], None]
T = TypeVar("T")


def environments_dir() -> Path:
    """The folder of the scoring environments; not created here."""
    return cache_dir() / "environments"


def tools_dir() -> Path:
    """The folder of the test tools; not created here."""
    return cache_dir() / "tools"


def platform_tag() -> str:
    """What tells this machine's binaries from others', such as `linux-x86_64-glibc`."""
    libc = platform.libc_ver()[0] or ("musl" if sys.platform == "linux" else "")
    return "-".join(part for part in (sys.platform, platform.machine().lower(), libc) if part)


def quiet(_line: str) -> None:
    """Progress that nobody watches."""


def make_once(
    place: Path,
    *,
    ready: Callable[[Path], T | None],
    make: Callable[[Path], None],
    what: str,
    progress: Progress,
) -> T:
    """Gives what is at `place`, making it first if it is not there.

    Args:
        place: the folder.
        ready: reads the folder: what is there, or None when it is not there or damaged.
        make: fills a new folder, whose path it is given; the folder's parent exists, the folder does not.
        what: what is made, for messages.
        progress: told when another process is waited for.

    Raises:
        EnvironmentBuildError: the cache cannot be written, or whatever `make` raises.
    """
    found = ready(place)
    if found is not None:
        return found
    with writing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        with held(place, what=what, progress=progress):
            found = ready(place)  # another process may have made it while this one waited
            if found is not None:
                return found
            for left in place.parent.glob(f"{place.name}.*-*"):  # we hold the lock: nobody works on these
                shutil.rmtree(left, ignore_errors=True)
            building = place.with_name(f"{place.name}.building-{os.getpid()}")
            try:
                make(building)
                remove(place)
                building.rename(place)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    found = ready(place)
    if found is None:
        raise EnvironmentBuildError(
            f"{what} was made, but cannot be used: {place} was changed or removed meanwhile.",
            code="TOC-ENV-010",
            where=str(place),
            fix="run the command again.",
        )
    return found


@contextmanager
def held(place: Path, *, what: str, progress: Progress, wait: bool = True) -> Iterator[bool]:
    """Holds the lock of a place; the system lets go of it when the process ends, however it ends.

    Args:
        place: the folder to be made or removed.
        what: what is there, for the progress.
        progress: told when another process holds the lock.
        wait: whether to wait for it.

    Yields:
        Whether the lock is held; always true with `wait`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(place.with_name(f"{place.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            yield False
            return
        progress(f"another process is making {what}; waiting for it")
        lock.acquire(poll_interval=0.05)
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns the system's refusals to write below `folder` into words."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full(folder, None) from None
        raise EnvironmentBuildError(
            f"the cache cannot be written: {error.strerror or error}.",
            code="TOC-ENV-008",
            where=str(error.filename or folder),
            fix=f"make it writable, or name another folder: export {CACHE_VARIABLE}=/some/folder.",
        ) from None


def disk_full(folder: Path, details: str | None) -> EnvironmentBuildError:
    """The error for a full disk."""
    return EnvironmentBuildError(
        "the disk is full.",
        code="TOC-ENV-007",
        where=str(folder),
        fix="make room (`toc-build env prune`, `uv cache prune`), or name folders on another disk: "
        f"export {CACHE_VARIABLE}=/some/folder UV_CACHE_DIR=/other/folder.",
        details=details,
    )


def remove(place: Path) -> None:
    """Removes a folder so that no half of it is ever mistaken for the whole."""
    if not place.exists() and not place.is_symlink():
        return
    doomed = place.with_name(f"{place.name}.removing-{os.getpid()}")
    place.rename(doomed)
    if doomed.is_dir():
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        doomed.unlink()


@dataclass(frozen=True)
class Marker:
    """What is written last into a folder that is whole.

    Attributes:
        key: the folder's name.
        python: minor version of its interpreter.
        toc_build: the version of toc-build that made it.
        created: when, in seconds since 1970.
        size_bytes: the apparent size of its files; those shared with uv's cache count in full.
        packages: the packages of the lock, each as `name==version`.
        locks: the lock files that asked for it, the newest last.
    """

    key: str
    python: str
    toc_build: str
    created: float
    size_bytes: int
    packages: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()


def read_marker(place: Path) -> Marker | None:
    """The marker of the folder, or None when it has none that fits its name."""
    try:
        raw: dict[str, Any] = json.loads((place / MARKER).read_text(encoding="utf-8"))
        raw["packages"], raw["locks"] = tuple(raw["packages"]), tuple(raw["locks"])
        marker = Marker(**raw)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return marker if marker.key == place.name else None


def write_marker(folder: Path, marker: Marker) -> None:
    """Writes the marker into `folder`, whole or not at all."""
    from dataclasses import asdict

    part = folder / f".{MARKER}.{os.getpid()}"
    part.write_text(json.dumps(asdict(marker), indent=1) + "\n", encoding="utf-8")
    part.replace(folder / MARKER)


def tool_version() -> str:
    """The version of toc-build that is running."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("toc-build")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def touch(place: Path) -> None:
    """Records that a folder was used now; a cache that cannot be written is still good to read."""
    try:
        os.utime(place / MARKER)
    except OSError:
        return


def apparent_size(folder: Path) -> int:
    """The size of all files below `folder` in bytes, links counted as themselves."""
    total = 0
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(here, name)).st_size  # noqa: PTH118 - this runs over 50,000 files
            except OSError:
                continue
    return total
