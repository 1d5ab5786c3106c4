"""Writes a layer: the same files give the same bytes, on every machine and at every time.

`environment_layer`, `bundle_layers` and `tools/minimal_base.py` call `write_layer`. Entries are sorted,
belong to root, have one of two modes and one time. The archive is compressed in gzip members of a fixed
size by libdeflate, whose version is pinned; what zlib writes depends on whose zlib Python came with.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from toc_build.image.built import Descriptor
from toc_build.image.store import LAYER_TYPE, ImageStore, Layer

# Raised when layers are written in another way, so that remembered ones are not taken for the new.
FORMAT = 1
MTIME = 315532800  # 1980-01-01: the first day that zip files, and some tools with them, know
_MEMBER_BYTES = 4 << 20
_LEVEL = 6


@dataclass(frozen=True)
class Entry:
    """One thing in a layer.

    Attributes:
        path: in the image, without a leading slash.
        source: a file whose contents it has, its contents, or None for a folder.
        executable: whether it is a program.
        link: where a symbolic link leads; then `source` is None.
        mode: the permissions, when they are not those of a file or folder that everybody may read.
    """

    path: str
    source: Path | bytes | None = None
    executable: bool = False
    link: str | None = None
    mode: int | None = None


def tree(folder: Path, place: str) -> list[Entry]:
    """What stands below `folder`, to stand below `place` in the image; links stay links."""
    entries = [Entry(place)]
    for here, folders, files in os.walk(folder):
        relative = os.path.relpath(here, folder).replace(os.sep, "/")
        prefix = place if relative == "." else f"{place}/{relative}"
        for name in (*folders, *files):
            path = Path(here, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                entries.append(Entry(f"{prefix}/{name}", link=str(path.readlink())))
            elif stat.S_ISDIR(mode):
                entries.append(Entry(f"{prefix}/{name}"))
            elif stat.S_ISREG(mode):
                entries.append(Entry(f"{prefix}/{name}", path, bool(mode & 0o100)))
    return entries


def write_layer(name: str, entries: Iterable[Entry], store: ImageStore) -> Layer:
    """Writes the layer with these entries into the store.

    Args:
        name: what is in it, for people.
        entries: in any order; the folders above them are added.
        store: where it goes.

    Raises:
        ImageError: the store cannot be written.
    """
    complete = _with_parents(entries)
    unpacked = 0
    with store.new_blob() as (stream, keep):
        sink = _Members(stream)
        with (
            sink,
            tarfile.open(  # type: ignore[call-overload]  # it only writes and tells
                fileobj=sink, mode="w", format=tarfile.PAX_FORMAT, copybufsize=1 << 20
            ) as archive,
        ):
            for entry in complete:
                unpacked += _add(archive, entry)
        keep(sink.digest)
    return Layer(Descriptor(sink.digest, sink.size, LAYER_TYPE), sink.diff_id, unpacked, name)


def compress(plain: IO[bytes], name: str, store: ImageStore) -> Layer:
    """Puts a layer that somebody else archived into the store, compressed.

    Args:
        plain: the archive, not compressed.
        name: what is in it, for people.
        store: where it goes.

    Raises:
        ImageError: the store cannot be written.
    """
    with store.new_blob() as (stream, keep):
        sink = _Members(stream)
        with sink:
            while data := plain.read(1 << 20):
                sink.write(data)
        keep(sink.digest)
    return Layer(Descriptor(sink.digest, sink.size, LAYER_TYPE), sink.diff_id, 0, name)


def _with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """The entries and the folders above them, sorted by path, each folder before what is in it."""
    found = {entry.path: entry for entry in entries}
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                found.setdefault(str(parent), Entry(str(parent)))
    return sorted(found.values(), key=lambda entry: entry.path.split("/"))


def _add(archive: tarfile.TarFile, entry: Entry) -> int:
    """Adds one entry and returns the size of its contents."""
    info = tarfile.TarInfo(entry.path)
    info.mtime = MTIME
    if entry.link is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        archive.addfile(info)
        return 0
    if entry.source is None:
        info.type, info.mode = tarfile.DIRTYPE, entry.mode or 0o755
        archive.addfile(info)
        return 0
    info.mode = entry.mode or (0o755 if entry.executable else 0o644)
    if isinstance(entry.source, bytes):
        info.size = len(entry.source)
        archive.addfile(info, io.BytesIO(entry.source))
    else:
        with entry.source.open("rb") as stream:
            info.size = os.fstat(stream.fileno()).st_size
            archive.addfile(info, stream)
    return info.size


class _Members:
    """A stream that compresses what is written to it, in members of a fixed size, side by side."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._closed = False
        self._buffer = bytearray()
        self._packed, self._plain = hashlib.sha256(), hashlib.sha256()
        self.size = self._written = 0
        self._workers = min(8, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._workers)
        self._waiting: deque[Future[bytes]] = deque()

    @property
    def digest(self) -> str:
        """Of what came out."""
        return f"sha256:{self._packed.hexdigest()}"

    @property
    def diff_id(self) -> str:
        """Of what went in."""
        return f"sha256:{self._plain.hexdigest()}"

    def __enter__(self) -> _Members:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tell(self) -> int:
        return self._written

    def write(self, data: bytes) -> int:
        self._plain.update(data)
        self._buffer += data
        self._written += len(data)
        while len(self._buffer) >= _MEMBER_BYTES:
            self._submit(bytes(self._buffer[:_MEMBER_BYTES]))
            del self._buffer[:_MEMBER_BYTES]
        return len(data)

    def _submit(self, member: bytes) -> None:
        self._waiting.append(self._pool.submit(_compress, member))
        while len(self._waiting) > 2 * self._workers:
            self._take()

    def _take(self) -> None:
        packed = self._waiting.popleft().result()
        self._packed.update(packed)
        self.size += len(packed)
        self._target.write(packed)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._buffer:
                self._submit(bytes(self._buffer))
            while self._waiting:
                self._take()
        finally:
            self._pool.shutdown(cancel_futures=True)


def _compress(member: bytes) -> bytes:
    import deflate

    return bytes(deflate.gzip_compress(member, _LEVEL))
