"""Bases and bundles of a few bytes, so that a whole image is built in a second, without a network."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toc_build.image.layout import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE
from toc_build.image.store import LAYER_TYPE

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBC = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u13\n"
OPENSSL = "Package: libssl3\nSource: openssl (3.0.17)\nArchitecture: amd64\nVersion: 3.0.17-1\n"
RELEASE = 'ID=debian\nVERSION_ID="12"\n'


def base_files(python: str = THIS_PYTHON) -> dict[str, str]:
    """The files that make a base a base."""
    return {
        f"usr/bin/python{python}": "an interpreter",
        "usr/lib/os-release": RELEASE,
        "var/lib/dpkg/status.d/libc6": LIBC,
        "var/lib/dpkg/status.d/libssl3": OPENSSL,
    }


def write_base(
    folder: Path, files: Mapping[str, str] | None = None, *, architecture: str = "amd64", packed: bool = True
) -> str:
    """Writes an OCI layout with one layer, and returns its manifest's digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes) -> dict[str, Any]:
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    plain = archive(files if files is not None else base_files())
    layer = put(gzip.compress(plain, mtime=0) if packed else plain)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {**put(json.dumps(config).encode()), "mediaType": CONFIG_TYPE},
        "layers": [{**layer, "mediaType": LAYER_TYPE if packed else LAYER_TYPE.removesuffix("+gzip")}],
    }
    named = {**put(json.dumps(manifest).encode()), "mediaType": MANIFEST_TYPE}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [named]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(named["digest"])


def archive(files: Mapping[str, str]) -> bytes:
    """A tar archive of texts."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            made.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def read_layer(path: Path) -> dict[str, tarfile.TarInfo]:
    """The entries of a layer by name."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(path.read_bytes()))) as found:
        return {entry.name: entry for entry in found}


def read_file(path: Path, name: str) -> bytes:
    """The contents of a file in a layer."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(path.read_bytes()))) as found:
        stream = found.extractfile(name)
        assert stream is not None
        return stream.read()
