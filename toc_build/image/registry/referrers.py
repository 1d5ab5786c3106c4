"""Attaches documents to an image in a registry, and finds them: OCI 1.1's referrers, or its older fallback.

A registry that knows no referrers gets an index under the tag `sha256-<hex>`, as the distribution spec says
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from toc_build.errors import ImageError
from toc_build.image.built import Descriptor
from toc_build.image.layout import INDEX_TYPE, MANIFEST_TYPE, canonical
from toc_build.image.registry.client import Connection
from toc_build.image.registry.push import ACCEPTED, push_bytes, put_manifest

EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY = b"{}"


def attach(connection: Connection, digest: str, document: bytes, media_type: str) -> str:
    """Attaches a document to an image; the same document twice is there once.

    Args:
        connection: to the image's repository, with the right to write.
        digest: of the image's manifest, which must be there.
        document: its bytes.
        media_type: what it is.

    Returns:
        The digest of the manifest that holds it.

    Raises:
        ImageError: the image is not there, or the registry refuses.
    """
    url = connection.path("manifests", digest)
    subject = connection.request("GET", url, ok={200}, headers={"Accept": ACCEPTED})
    config = push_bytes(connection, _EMPTY, EMPTY_TYPE)
    layer = push_bytes(connection, document, media_type)
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": media_type,
            "config": config.to_json(),
            "layers": [layer.to_json()],
            "subject": {
                "mediaType": subject.headers.get("Content-Type", MANIFEST_TYPE),
                "digest": digest,
                "size": len(subject.content),
            },
        }
    )
    own = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    answer = put_manifest(connection, manifest, own)
    if "OCI-Subject" not in answer.headers:
        entry = {**Descriptor(own, len(manifest), MANIFEST_TYPE).to_json(), "artifactType": media_type}
        _add_to_fallback(connection, digest, entry)
    return own


def attached(connection: Connection, digest: str, media_type: str) -> bytes:
    """The newest document of a type that is attached to an image.

    Raises:
        ImageError: there is none, or the registry refuses.
    """
    found = [item for item in _referrers(connection, digest) if item.get("artifactType") == media_type]
    if not found:
        raise ImageError(
            f"{connection.name} has no attached document of the type {media_type}.",
            code="TOC-IMAGE-048",
            where=str(connection.name),
            fix="push it with `toc-build image push`, which attaches one.",
        )
    url = connection.path("manifests", found[-1]["digest"])
    manifest = json.loads(connection.request("GET", url, ok={200}, headers={"Accept": ACCEPTED}).content)
    blob = manifest["layers"][0]["digest"]
    document = connection.request("GET", connection.path("blobs", blob), ok={200}).content
    if f"sha256:{hashlib.sha256(document).hexdigest()}" != blob:
        raise ImageError(
            f"what {connection.name.host} sent for {blob} has another digest.",
            code="TOC-IMAGE-047",
            where=str(connection.name),
            fix="run the command again; if it stays so, do not use that registry.",
        )
    return document


def _referrers(connection: Connection, digest: str) -> list[dict[str, Any]]:
    answer = connection.request("GET", connection.path("referrers", digest), ok={200, 400, 404, 405})
    if answer.status_code == 200:
        listed: list[dict[str, Any]] = answer.json().get("manifests") or []
        return listed
    return _fallback(connection, digest)


def _fallback(connection: Connection, digest: str) -> list[dict[str, Any]]:
    url = connection.path("manifests", digest.replace(":", "-"))
    answer = connection.request("GET", url, ok={200, 404}, headers={"Accept": ACCEPTED})
    listed: list[dict[str, Any]] = answer.json().get("manifests") or [] if answer.status_code == 200 else []
    return listed


def _add_to_fallback(connection: Connection, digest: str, entry: dict[str, Any]) -> None:
    listed = [item for item in _fallback(connection, digest) if item["digest"] != entry["digest"]]
    index = canonical({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [*listed, entry]})
    put_manifest(connection, index, digest.replace(":", "-"), INDEX_TYPE)
