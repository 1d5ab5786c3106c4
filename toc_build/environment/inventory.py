"""What is in the cache of scoring environments, and removing it without hurting a running service.

`toc-build env list` and `toc-build env prune` call it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toc_build.environment.build import interpreter_in
from toc_build.environment.cache import (
    MARKER,
    Marker,
    environments_dir,
    held,
    quiet,
    read_marker,
    remove,
    tools_dir,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = 86400.0


@dataclass(frozen=True)
class StoredEnvironment:
    """One folder of the cache.

    Attributes:
        key: its name.
        kind: `scoring` or `tools`.
        root: its folder.
        marker: what was written into it when it was whole; None when it is damaged or was never finished.
        last_used: when, in seconds since 1970.
        pids: the processes that run from it.
    """

    key: str
    kind: str
    root: Path
    marker: Marker | None
    last_used: float
    pids: tuple[int, ...]

    @property
    def in_use(self) -> bool:
        """Whether a process runs from it."""
        return bool(self.pids)

    @property
    def whole(self) -> bool:
        """Whether it can be used."""
        return self.marker is not None and (self.kind == "tools" or interpreter_in(self.root).exists())


def list_environments() -> list[StoredEnvironment]:
    """Every scoring environment and set of test tools in the cache, the most recently used first."""
    running = _running()
    found = [
        _stored(folder, kind, running)
        for kind, parent in (("scoring", environments_dir()), ("tools", tools_dir()))
        for folder in _folders(parent)
    ]
    return sorted(found, key=lambda item: item.last_used, reverse=True)


def prune(
    *,
    now: float,
    older_than_days: float | None = None,
    keep: Collection[str] = (),
    everything: bool = False,
) -> list[StoredEnvironment]:
    """Removes environments that nobody needs: always the damaged ones, and those that the arguments name.

    One that a process runs from, or that is being built, stays whatever the arguments say.

    Args:
        now: the time, in seconds since 1970.
        older_than_days: remove those not used for so many days.
        keep: keys that stay.
        everything: remove all.

    Returns:
        Those that were removed.

    Raises:
        EnvironmentBuildError: the cache cannot be written.
    """
    removed = []
    for item in list_environments():
        name = item.key.partition(".")[0]
        old = older_than_days is not None and now - item.last_used > older_than_days * _DAY
        if name in keep or item.in_use or not (everything or old or not item.whole):
            continue
        with (
            writing(item.root.parent),
            held(item.root.with_name(name), what="it", progress=quiet, wait=False) as free,
        ):
            if not free or _users(item.root, _running()):
                continue
            if "." in item.key:  # left behind by a build or a removal that was killed
                shutil.rmtree(item.root, ignore_errors=True)
            else:
                remove(item.root)
            removed.append(item)
    return removed


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError:
        return []


def _stored(folder: Path, kind: str, running: list[tuple[int, tuple[str, ...]]]) -> StoredEnvironment:
    marker = read_marker(folder)
    try:
        last_used = (folder / MARKER if marker else folder).stat().st_mtime
    except OSError:
        last_used = 0.0
    return StoredEnvironment(folder.name, kind, folder, marker, last_used, _users(folder, running))


def _users(folder: Path, running: list[tuple[int, tuple[str, ...]]]) -> tuple[int, ...]:
    prefixes = {str(folder) + os.sep, str(folder.resolve()) + os.sep}
    return tuple(
        pid for pid, words in running if any(prefix in word for word in words for prefix in prefixes)
    )


def _running() -> list[tuple[int, tuple[str, ...]]]:
    """Each process of this machine that may be looked at: its id, and the words of its command line."""
    return list(_processes())


def _processes() -> Iterator[tuple[int, tuple[str, ...]]]:
    import psutil

    for process in psutil.process_iter(["pid", "cmdline", "exe"]):
        words = (*(process.info["cmdline"] or ()), process.info["exe"] or "")
        yield process.info["pid"], words
