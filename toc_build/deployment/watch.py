"""Tells when what the user wrote has changed on disk. Used by `serve`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

# An editor writes a file in several steps; what belongs together comes within this.
SETTLE_MILLISECONDS = 80
STEP_MILLISECONDS = 20


LOOK_MILLISECONDS = 500  # how often it is noticed that a watched folder is another one


class _Named(DefaultFilter):
    """Files of these names only."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def __call__(self, change: Change, path: str) -> bool:
        return Path(path).name in self._names and super().__call__(change, path)


@contextmanager
def changes(folders: list[Path], files: list[Path]) -> Iterator[queue.Queue[frozenset[Path]]]:
    """Watches until the block ends.

    Args:
        folders: everything below them counts, but for caches and editors' files.
        files: these count too. Their folders are watched, not they themselves, for editors replace a file
            by another.

    Yields:
        a queue of sets of changed paths.
    """
    found: queue.Queue[frozenset[Path]] = queue.Queue()
    stop = threading.Event()

    def follow(*places: Path, recursive: bool, only: frozenset[str] | None) -> None:
        """Begins anew whenever one of the places is replaced by another folder, as an export often does."""
        replaced = False
        while not stop.is_set():
            identity = _identity(places)
            if None in identity:
                stop.wait(STEP_MILLISECONDS / 1000)  # another is on its way, or it stays away
                replaced = True
                continue
            for batch in look(*places, recursive=recursive, only=only):
                paths = frozenset(Path(path) for _, path in batch)
                if replaced:
                    paths, replaced = paths | frozenset(places), False
                if paths:
                    found.put(paths)
                if _identity(places) != identity:
                    replaced = True
                    break

    def look(
        *places: Path, recursive: bool, only: frozenset[str] | None
    ) -> Iterator[set[tuple[Change, str]]]:
        with suppress(FileNotFoundError):  # it went between the two looks
            yield from watch(
                *places,
                watch_filter=_Named(only) if only is not None else DefaultFilter(),
                debounce=SETTLE_MILLISECONDS,
                step=STEP_MILLISECONDS,
                rust_timeout=LOOK_MILLISECONDS,
                yield_on_timeout=True,
                stop_event=stop,
                recursive=recursive,
                raise_interrupt=False,
            )

    threads = [
        threading.Thread(target=follow, args=folders, kwargs={"recursive": True, "only": None}, daemon=True),
        threading.Thread(
            target=follow,
            args=sorted({file.parent for file in files}),
            kwargs={"recursive": False, "only": frozenset(file.name for file in files)},
            daemon=True,
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join(2)


def _identity(places: Iterable[Path]) -> list[tuple[int, int] | None]:
    """What the file system calls each folder; None for one that is not there."""
    found: list[tuple[int, int] | None] = []
    for place in places:
        try:
            status = place.stat()
            found.append((status.st_dev, status.st_ino))
        except OSError:
            found.append(None)
    return found
