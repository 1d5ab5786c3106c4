"""Images made by hand, of a few bytes, as `build_image` would give them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toc_build.image import BuiltImage
from toc_build.image.built import Descriptor
from toc_build.image.layout import CONFIG_TYPE, MANIFEST_TYPE


def make_image(
    folder: Path, layers: Sequence[Mapping[str, bytes]], name: str, settings: Mapping[str, Any] | None = None
) -> BuiltImage:
    """An image of layers given as path -> contents."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return f"sha256:{digest}"

    descriptors, diff_ids = [], []
    for files in layers:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for path, data in files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        diff_ids.append("sha256:" + hashlib.sha256(stream.getvalue()).hexdigest())
        packed = gzip.compress(stream.getvalue(), mtime=0)
        descriptors.append(
            Descriptor(put(packed), len(packed), "application/vnd.oci.image.layer.v1.tar+gzip")
        )
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"made.by": "tests"}} | dict(settings or {}),
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    text = json.dumps(config).encode()
    config_digest = put(text)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": Descriptor(config_digest, len(text), CONFIG_TYPE).to_json(),
        "layers": [layer.to_json() for layer in descriptors],
    }
    digest = put(json.dumps(manifest).encode())
    return BuiltImage(
        layout=folder,
        digest=digest,
        config_digest=config_digest,
        reference_name=name,
        size=0,
        layers=tuple(descriptors),
    )
