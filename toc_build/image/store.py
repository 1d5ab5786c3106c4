"""Where images are kept: blobs by digest, and which layer a set of inputs made. Used by all of `image`.

    blobs/sha256/<hex>   layers, configurations, manifests; also those of base images
    layers/<key>.json    what a layer's inputs (hashed to the key) gave: made once, found again
    layouts/<hex>/       finished images, each an OCI layout; blobs are hard links

Everything appears by a rename, so that what is there is whole.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from toc_build.errors import ImageError
from toc_build.image.built import Descriptor
from toc_build.paths import CACHE_VARIABLE, cache_dir

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_CHUNK = 1 << 20
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Layer:
    """One layer of an image.

    Attributes:
        descriptor: of the compressed layer.
        diff_id: the digest of the layer unpacked: what an engine calls it.
        unpacked: the size of its files in bytes.
        name: what is in it: `environment`, `model`, `code`, or the base's own words.
    """

    descriptor: Descriptor
    diff_id: str
    unpacked: int
    name: str

    def to_json(self) -> dict[str, Any]:
        """The layer as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Layer:
        """The layer back from JSON values."""
        return cls(**{**values, "descriptor": Descriptor(**values["descriptor"])})


class ImageStore:
    """The folder of images.

    Args:
        root: the folder; `images` in the cache folder when omitted. Made when first written to.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_dir() / "images"

    def blob(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        algorithm, _, name = digest.partition(":")
        return self.root / "blobs" / algorithm / name

    def has(self, blob: Descriptor) -> bool:
        """Whether a blob is here whole."""
        try:
            return self.blob(blob.digest).stat().st_size == blob.size
        except OSError:
            return False

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Stores `data`.

        Raises:
            ImageError: the folder cannot be written.
        """
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        found = Descriptor(digest, len(data), media_type)
        if not self.has(found):
            with self.new_blob() as (stream, keep):
                stream.write(data)
                keep(digest)
        return found

    @contextmanager
    def new_blob(self) -> Iterator[tuple[IO[bytes], Callable[[str], None]]]:
        """A file to write a blob into, and the callable that puts it in its place.

        Yields:
            the stream, and what takes the blob's digest once all is written; without it nothing is kept.

        Raises:
            ImageError: the folder cannot be written.
        """
        with self.writing(), self.scratch() as folder:
            part = folder / "blob"
            with part.open("wb") as stream:

                def keep(digest: str) -> None:
                    stream.close()
                    part.chmod(0o444)
                    place = self.blob(digest)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    part.replace(place)

                yield stream, keep

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for work, on the disk of the store; removed however the work ends.

        Raises:
            ImageError: the folder cannot be written.
        """
        parent = self.root / "work"
        with self.writing():
            parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=parent))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns the system's refusals to write into words; anything half-made is removed by who made it."""
        try:
            yield
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise ImageError(
                    "the disk is full; nothing of the image was kept.",
                    code="TOC-IMAGE-001",
                    where=str(self.root),
                    fix="make room (`toc-build env prune`, `uv cache prune`), or name a folder on another "
                    f"disk: export {CACHE_VARIABLE}=/some/folder.",
                ) from None
            raise ImageError(
                f"the folder of images cannot be written: {error.strerror or error}.",
                code="TOC-IMAGE-002",
                where=str(error.filename or self.root),
                fix=f"make it writable, or name another folder: export {CACHE_VARIABLE}=/some/folder.",
            ) from None

    def remembered(self, kind: str, key: str) -> dict[str, Any] | None:
        """What `remember` was told, or None."""
        try:
            found: dict[str, Any] = json.loads((self.root / kind / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def remember(self, kind: str, key: str, values: dict[str, Any]) -> None:
        """Keeps `values` under a key.

        Raises:
            ImageError: the folder cannot be written.
        """
        with self.writing():
            place = self.root / kind / f"{key}.json"
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f".{place.name}.{os.getpid()}")
            part.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            part.replace(place)

    def layer_once(self, name: str, parts: tuple[str, ...], make: Callable[[], Layer], tell: Tell) -> Layer:
        """The layer that these inputs make, made now if it is not here; two processes make it once.

        Args:
            name: what it is, for people.
            parts: everything that its bytes depend on.
            make: makes it.
            tell: told when another process is waited for.

        Raises:
            ImageError: the folder cannot be written, or whatever `make` raises.
        """
        key = hash_of(name, *parts)
        found = self._layer(key)
        if found:
            return found
        from filelock import FileLock, Timeout

        with self.writing():
            (self.root / "layers").mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "layers" / f"{key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(f"another process is making the {name} layer; waiting for it")
            lock.acquire(poll_interval=0.05)
        try:
            found = self._layer(key)
            if found is None:
                found = make()
                self.remember("layers", key, found.to_json())
            return found
        finally:
            lock.release()

    def _layer(self, key: str) -> Layer | None:
        values = self.remembered("layers", key)
        try:
            found = None if values is None else Layer.from_json(values)
        except (TypeError, KeyError):
            return None
        return found if found and self.has(found.descriptor) else None

    def link(self, digest: str, place: Path) -> None:
        """Puts a blob at `place`, as a hard link where the file system has them.

        Raises:
            OSError: it cannot be written.
        """
        with contextlib.suppress(OSError):
            place.hardlink_to(self.blob(digest))
            return
        shutil.copyfile(self.blob(digest), place)


def hash_of(*parts: str) -> str:
    """A key made from texts: 64 hex digits."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """The digest of a file's contents: `sha256:` and 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
