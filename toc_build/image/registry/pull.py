"""Fetches a base image from a registry into the store; every blob is checked against its digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from toc_build.errors import ImageError
from toc_build.image.built import Descriptor
from toc_build.image.layout import (
    DOCKER_LIST_TYPE,
    INDEX_TYPE,
    Found,
    choose,
    layers_of,
    parts,
)
from toc_build.image.registry.client import ATTEMPTS, Connection
from toc_build.image.registry.name import ImageName
from toc_build.image.registry.push import ACCEPTED
from toc_build.image.store import ImageStore, Tell

_CHUNK = 1 << 20


def pull(
    reference: str, *, platform: str, store: ImageStore, tell: Tell, connection: Connection | None = None
) -> Found:
    """Puts the blobs of an image into the store.

    Args:
        reference: its name, with a tag or a digest.
        platform: such as `linux/amd64`.
        store: where the blobs go.
        tell: told in one line what is being done.
        connection: to its repository; made when omitted.

    Returns:
        The digest that the name stands for (of an index, where it has one), configuration and layers.

    Raises:
        ImageError: the registry cannot be reached or refuses, there is no such image, or a blob is damaged.
    """
    name = ImageName.parse(reference, where="deploy.yml image -> base")
    with connection or Connection(name) as open_connection:
        digest, manifest = _manifest(open_connection, name.reference)
        if manifest.get("mediaType") in {INDEX_TYPE, DOCKER_LIST_TYPE} or "manifests" in manifest:
            try:
                chosen = choose(manifest["manifests"], platform)
            except ValueError as error:
                raise ImageError(
                    f"the base {name} cannot be used: {error}.",
                    code="TOC-IMAGE-033",
                    where="deploy.yml image -> base",
                    fix=f"name a base for {platform}, or set image -> platform.",
                ) from None
            _, manifest = _manifest(open_connection, chosen.digest)
        config_blob, layer_blobs = parts(manifest)
        config: dict[str, Any] = json.loads(_small(open_connection, config_blob))
        for blob in layer_blobs:
            if not store.has(blob):
                _blob(open_connection, blob, store, tell)
    return digest, config, layers_of(config, layer_blobs)


def _manifest(connection: Connection, reference: str) -> tuple[str, dict[str, Any]]:
    url = connection.path("manifests", reference)
    answer = connection.request("GET", url, ok={200}, headers={"Accept": ACCEPTED})
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    if reference.startswith("sha256:") and reference != digest:
        raise _damaged(connection, reference)
    found: dict[str, Any] = json.loads(answer.content)
    return digest, found


def _small(connection: Connection, blob: Descriptor) -> bytes:
    answer = connection.request("GET", connection.path("blobs", blob.digest), ok={200})
    if f"sha256:{hashlib.sha256(answer.content).hexdigest()}" != blob.digest:
        raise _damaged(connection, blob.digest)
    return answer.content


def _blob(connection: Connection, blob: Descriptor, store: ImageStore, tell: Tell) -> None:
    """Fetches one layer, going on where a broken line left off."""
    import httpx

    url = connection.path("blobs", blob.digest)
    with store.scratch() as work:
        part = work / "blob"
        for attempt in range(ATTEMPTS):
            try:
                _go_on(connection, url, blob, part, tell)
            except httpx.TransportError as error:
                if attempt + 1 == ATTEMPTS:
                    raise connection.unreachable(error) from None
                connection.pause(attempt)
                continue
            break
        digest = hashlib.sha256()
        with store.new_blob() as (stream, keep), part.open("rb") as source:
            while data := source.read(_CHUNK):
                digest.update(data)
                stream.write(data)
            if f"sha256:{digest.hexdigest()}" != blob.digest:
                raise _damaged(connection, blob.digest)
            keep(blob.digest)


def _go_on(connection: Connection, url: str, blob: Descriptor, part: Path, tell: Tell) -> None:
    has = part.stat().st_size if part.exists() else 0
    if has >= blob.size:
        return
    connection.request("HEAD", url, ok={200})  # logs in anew when the last token is too old
    headers = {"Range": f"bytes={has}-"} if has else {}
    with connection.stream(url, headers) as answer, part.open("ab") as target:
        if answer.status_code == 200 and has:  # it does not know ranges
            target.truncate(0)
            has = 0
        elif answer.status_code not in {200, 206}:
            answer.read()
            raise connection.refused(answer)
        for data in answer.iter_raw():
            target.write(data)
            has += len(data)
            tell(f"fetching {blob.digest[7:19]}: {has / 1e6:.0f} of {blob.size / 1e6:.0f} MB")


def _damaged(connection: Connection, digest: str) -> ImageError:
    return ImageError(
        f"what {connection.name.host} sent for {digest} has another digest: it was changed, or is not whole.",
        code="TOC-IMAGE-047",
        where=str(connection.name),
        fix="run the command again; if it stays so, do not use that registry.",
    )
