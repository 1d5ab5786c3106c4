"""Sends an image to a registry: only the blobs it lacks, in pieces, going on where a broken line left off."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toc_build.errors import ImageError
from toc_build.image.built import BuiltImage, Descriptor
from toc_build.image.layout import (
    CONFIG_TYPE,
    DOCKER_LIST_TYPE,
    DOCKER_MANIFEST_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
)
from toc_build.image.registry.client import ATTEMPTS, Connection
from toc_build.image.registry.name import ImageName

if TYPE_CHECKING:
    import httpx

PIECE = 8 << 20  # bytes; what is lost when the line breaks
ACCEPTED = ", ".join((MANIFEST_TYPE, INDEX_TYPE, DOCKER_MANIFEST_TYPE, DOCKER_LIST_TYPE))


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        name: the image in the registry, by its digest.
        sent: bytes of blobs that were sent.
        there: bytes of blobs that the registry had, or took from another repository of its own.
        blobs: each blob's digest, its size, and whether it was sent.
    """

    name: ImageName
    sent: int
    there: int
    blobs: tuple[tuple[str, int, bool], ...]


def push(
    image: BuiltImage,
    connection: Connection,
    *,
    tags: tuple[str, ...] = (),
    mount_from: str | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Pushed:
    """Sends the image, and names it by its digest and by `tags`.

    The manifest is sent last, so that whatever breaks before leaves no image that could be pulled.

    Args:
        image: what was built.
        connection: to its repository, with the right to write.
        tags: other names for it.
        mount_from: another repository of that registry which may have the base's layers.
        tell: told in one line what is being done.

    Raises:
        ImageError: the registry cannot be reached, refuses, or breaks the connection each time.
    """
    config = Descriptor(image.config_digest, image.blob(image.config_digest).stat().st_size, CONFIG_TYPE)
    blobs = []
    for blob in dict.fromkeys((*image.layers, config)):
        sent = push_blob(connection, blob, image.blob(blob.digest), mount_from=mount_from, tell=tell)
        blobs.append((blob.digest, blob.size, sent))
    manifest = image.blob(image.digest).read_bytes()
    for reference in (image.digest, *tags):
        put_manifest(connection, manifest, reference)
    return Pushed(
        connection.name.with_digest(image.digest),
        sum(size for _, size, sent in blobs if sent),
        sum(size for _, size, sent in blobs if not sent),
        tuple(blobs),
    )


def retag(connection: Connection, reference: str, tags: tuple[str, ...]) -> str:
    """Gives an image of the registry more tags; no blob is sent.

    Args:
        connection: to its repository, with the right to write.
        reference: its digest or a tag.
        tags: the new ones; one that names another image is moved.

    Returns:
        The manifest's digest.

    Raises:
        ImageError: there is no such image, or the registry refuses.
    """
    url = connection.path("manifests", reference)
    found = connection.request("GET", url, ok={200}, headers={"Accept": ACCEPTED})
    for tag in tags:
        put_manifest(connection, found.content, tag, found.headers.get("Content-Type", MANIFEST_TYPE))
    return f"sha256:{hashlib.sha256(found.content).hexdigest()}"


def manifest_digest(connection: Connection, reference: str) -> str:
    """What a tag stands for now.

    Raises:
        ImageError: there is no such tag, or the registry refuses.
    """
    url = connection.path("manifests", reference)
    found = connection.request("GET", url, ok={200}, headers={"Accept": ACCEPTED})
    return f"sha256:{hashlib.sha256(found.content).hexdigest()}"


def put_manifest(
    connection: Connection, manifest: bytes, reference: str, media_type: str = MANIFEST_TYPE
) -> httpx.Response:
    """Sends a manifest under a digest or tag.

    Raises:
        ImageError: the registry refuses it.
    """
    url = connection.path("manifests", reference)
    return connection.request(
        "PUT", url, ok={200, 201}, content=manifest, headers={"Content-Type": media_type}
    )


def push_blob(
    connection: Connection,
    blob: Descriptor,
    file: Path,
    *,
    mount_from: str | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> bool:
    """Sends one blob, unless the registry has it.

    Returns:
        Whether it was sent.

    Raises:
        ImageError: see `push`.
    """
    there = connection.request("HEAD", connection.path("blobs", blob.digest), ok={200, 404})
    if there.status_code == 200:
        return False
    started = _start(connection, blob, mount_from)
    if started is None:
        return False
    failures = 0
    at = 0
    with file.open("rb") as stream:
        while at < blob.size:
            stream.seek(at)
            piece = stream.read(PIECE)
            tell(f"sending {blob.digest[7:19]}: {at / 1e6:.0f} of {blob.size / 1e6:.0f} MB")
            taken = _send_piece(connection, started, piece, at)
            if taken is not None:
                started, at, failures = taken, at + len(piece), 0
                continue
            failures += 1
            if failures >= ATTEMPTS:
                raise _broken(connection, blob, at)
            connection.pause(failures)
            resumed = _where_it_stopped(connection, started)
            if resumed is None:
                started, at = _start(connection, blob, None) or "", 0
            else:
                started, at = resumed
    connection.request("PUT", started, ok={201, 204}, params={"digest": blob.digest}, content=b"")
    return True


def push_bytes(connection: Connection, data: bytes, media_type: str) -> Descriptor:
    """Sends a small blob in one piece, unless the registry has it.

    Raises:
        ImageError: the registry cannot be reached, or refuses.
    """
    blob = Descriptor(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), media_type)
    there = connection.request("HEAD", connection.path("blobs", blob.digest), ok={200, 404})
    if there.status_code == 404 and (url := _start(connection, blob, None)):
        connection.request("PUT", url, ok={201, 204}, params={"digest": blob.digest}, content=data)
    return blob


def _start(connection: Connection, blob: Descriptor, mount_from: str | None) -> str | None:
    """The URL to send to; None when the registry took the blob from another repository."""
    mount = {"mount": blob.digest, "from": mount_from} if mount_from else None
    answer = connection.request(
        "POST", connection.path("blobs", "uploads") + "/", ok={201, 202}, params=mount, content=b""
    )
    if answer.status_code == 201:
        return None
    return _location(answer)


def _send_piece(connection: Connection, url: str, piece: bytes, at: int) -> str | None:
    """The URL to send the next piece to; None when the line broke or the registry lost count."""
    headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{at}-{at + len(piece) - 1}"}
    try:
        answer = connection.request("PATCH", url, ok={202, 204}, headers=headers, content=piece, attempts=1)
    except ImageError as error:
        if error.code in {"TOC-IMAGE-041", "TOC-IMAGE-043", "TOC-IMAGE-044"}:
            return None
        raise
    return _location(answer)


def _where_it_stopped(connection: Connection, url: str) -> tuple[str, int] | None:
    """The URL to go on with, and how many bytes the registry has; None when the upload must begin again."""
    answer = connection.request("GET", url, ok={202, 204, 400, 404, 405})
    if answer.status_code not in {202, 204}:
        return None
    last = answer.headers.get("Range", "").rpartition("-")[2]
    if not last.isdigit() or last == "0":  # none, or one byte: registries differ in what 0-0 means
        return None
    return _location(answer), int(last) + 1


def _location(answer: httpx.Response) -> str:
    return str(answer.url.join(answer.headers["Location"]))


def _broken(connection: Connection, blob: Descriptor, at: int) -> ImageError:
    return ImageError(
        f"the registry {connection.name.host} broke the connection {ATTEMPTS} times at {at / 1e6:.0f} of "
        f"{blob.size / 1e6:.0f} MB of a layer; no image was made there.",
        code="TOC-IMAGE-045",
        where=str(connection.name),
        fix="run the command again: layers that arrived whole are not sent again.",
        details=f"blob {blob.digest}",
    )
