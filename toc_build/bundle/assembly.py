"""Assembles the bundle of a model repository: collect, hash, name, store. Called by `deployment.prepare`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from toc_build.bundle.manifest import FileEntry, Manifest
from toc_build.bundle.sources import Source, collect
from toc_build.bundle.store import Bundle, sha256_file, store
from toc_build.errors import BundleError
from toc_build.repository import Repository


class FileHasher:
    """sha256 of files, remembered while a file's size, inode and times stay the same.

    `serve` keeps one, so that saving a line of code does not read gigabytes of weights again.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def __call__(self, path: Path) -> FileEntry:
        """The entry of `path`, under the path as given.

        Raises:
            BundleError: the file cannot be read.
        """
        try:
            status = path.stat()
            stamp = (status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = (stamp, sha256_file(path))
                self._known[path] = known
        except OSError as error:
            raise BundleError(
                f"{path} cannot be read: {error.strerror}.", code="TOC-BUNDLE-005", where=str(path)
            ) from None
        return FileEntry(str(path), known[1], status.st_size)


def assemble(repository: Repository, *, hasher: Callable[[Path], FileEntry] | None = None) -> Bundle:
    """The bundle of `repository`, from the store when nothing changed since it was put there.

    Args:
        repository: a loaded model repository with its lock.
        hasher: gives a file's hash and size; by default every file is read.

    Raises:
        BundleError: a file cannot be read or placed, or the store cannot be written.
    """
    manifest, sources = describe(repository, hasher=hasher)
    return store(manifest, sources)


def describe(
    repository: Repository, *, hasher: Callable[[Path], FileEntry] | None = None
) -> tuple[Manifest, dict[str, Source]]:
    """The manifest that the repository's bundle would have now, and its sources; nothing is written.

    Raises:
        BundleError: a file cannot be read or placed.
    """
    hasher = hasher or FileHasher()
    sources = collect(repository)
    config = repository.config
    manifest = Manifest.of(
        (_entry(path, source, hasher) for path, source in sources.items()),
        service=config.service.name,
        model=config.model.name,
        framework=config.model.framework,
        python=repository.conda.python,
        entry_script=repository.script.relative_to(repository.scoring_dir).as_posix(),
    )
    return manifest, sources


def _entry(path: str, source: Source, hasher: Callable[[Path], FileEntry]) -> FileEntry:
    if isinstance(source, bytes):
        return FileEntry(path, hashlib.sha256(source).hexdigest(), len(source))
    found = hasher(source)
    return FileEntry(path, found.sha256, found.size)
