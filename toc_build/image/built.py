"""An image that was built: an OCI layout folder with one manifest, and the archive that an engine loads.

`build_image` gives it; the local target's engine and `registry` read it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_MTIME = 0


@dataclass(frozen=True)
class Descriptor:
    """What an OCI document says of a blob.

    Attributes:
        digest: `sha256:` and 64 hex digits.
        size: in bytes.
        media_type: what it is.
    """

    digest: str
    size: int
    media_type: str

    def to_json(self) -> dict[str, Any]:
        """The descriptor as JSON values."""
        return {"digest": self.digest, "mediaType": self.media_type, "size": self.size}


@dataclass(frozen=True)
class BuiltImage:
    """An image in an OCI layout.

    Attributes:
        layout: the layout's folder: `oci-layout`, `index.json`, `blobs/sha256/`.
        digest: of the manifest, `sha256:` and 64 hex digits: the image's identity in every registry.
        config_digest: of the configuration: what a container engine calls the image's id.
        reference_name: the name and tag that an engine gives it, such as `river-litter:3f2a9c01b7de`.
        size: what the image takes unpacked, in bytes.
        layers: from the base up.
        base: the base image's reference with its digest, as `deploy.yml` pins it.
    """

    layout: Path
    digest: str
    config_digest: str
    reference_name: str
    size: int
    layers: tuple[Descriptor, ...]
    base: str = ""

    def blob(self, digest: str) -> Path:
        """The file of a blob of the layout."""
        algorithm, _, name = digest.partition(":")
        return self.layout / "blobs" / algorithm / name

    @property
    def compressed_size(self) -> int:
        """What the layers take in a registry, in bytes."""
        return sum(layer.size for layer in self.layers)

    def docker_archive(self, target: Path | IO[bytes], *, without: Collection[str] = ()) -> None:
        """Writes what `docker load` and `podman load` read: the same bytes each time.

        Args:
            target: a path, written whole or not at all; or a binary stream, which may be a pipe.
            without: digests of layers whose contents are left out, because the engine has them.

        Raises:
            OSError: it cannot be written.
        """
        if not isinstance(target, Path):
            self._write_archive(target, without)
            return
        part = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with part.open("wb") as stream:
                self._write_archive(stream, without)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _write_archive(self, stream: IO[bytes], without: Collection[str]) -> None:
        names = [f"blobs/sha256/{layer.digest.partition(':')[2]}" for layer in self.layers]
        config = f"blobs/sha256/{self.config_digest.partition(':')[2]}"
        manifest = [{"Config": config, "Layers": names, "RepoTags": [self.reference_name]}]
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            for digest in dict.fromkeys((self.config_digest, *(layer.digest for layer in self.layers))):
                if digest in without:
                    continue
                path = self.blob(digest)
                entry = _entry(f"blobs/sha256/{path.name}", path.stat().st_size)
                with path.open("rb") as blob:
                    archive.addfile(entry, blob)
            text = json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode()
            archive.addfile(_entry("manifest.json", len(text)), io.BytesIO(text))

    def export(self, folder: Path) -> None:
        """Copies the OCI layout to `folder`, which must not exist; whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        part = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            for path in sorted(self.layout.rglob("*")):  # copytree would gather errors, not stop at one
                place = part / path.relative_to(self.layout)
                if path.is_dir():
                    place.mkdir(parents=True)
                else:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, place)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, _MTIME, 0o644
    return entry
