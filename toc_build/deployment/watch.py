"""Tells when what the user wrote has changed on disk. Used by `serve`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

# An editor writes a file in several steps; what belongs together comes within this.
SETTLE_MILLISECONDS = 80
STEP_MILLISECONDS = 20


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
        for batch in watch(
            *places,
            watch_filter=_Named(only) if only is not None else DefaultFilter(),
            debounce=SETTLE_MILLISECONDS,
            step=STEP_MILLISECONDS,
            rust_timeout=500,
            yield_on_timeout=False,
            stop_event=stop,
            recursive=recursive,
            raise_interrupt=False,
        ):
            found.put(frozenset(Path(path) for _, path in batch))

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
