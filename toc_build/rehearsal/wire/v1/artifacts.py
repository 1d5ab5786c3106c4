"""The artifact service and the storage account behind it: names for uploads, signed addresses, blobs."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from starlette.responses import FileResponse, Response

from toc_build.rehearsal.domain.artifacts import blob_path
from toc_build.rehearsal.domain.clock import iso
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.wire.connections import abort
from toc_build.rehearsal.wire.http import Ask, Endpoint
from toc_build.rehearsal.wire.v1.signin import WORKSPACE

MAX_BATCH = 50
MAX_BLOB = 64 << 30
_STORE = "/rehearsed-storage"
_ARTIFACTS = f"/artifact/v2.0{WORKSPACE}/artifacts"


def content_uri(ask: Ask, artifact: str, permission: str) -> str:
    """A signed address of an artifact's content.

    The user part makes the host look like `account.blob.suffix`, by which the SDK takes it apart, while it
    still leads to this machine.
    """
    path = blob_path(artifact)
    scheme, _, host = ask.services.base.partition("://")
    query = ask.cloud.blobs.signed_query(path, permission)
    return f"{scheme}://emu.blob.core@{host}{_STORE}/{quote(path)}?{query}"


def _described(ask: Ask, artifact: str) -> dict[str, Any]:
    origin, container, path = artifact.split("/", 2)
    return {
        "artifactId": artifact,
        "origin": origin,
        "container": container,
        "path": path,
        "etag": hashlib.sha256(artifact.encode()).hexdigest()[:16],
        "createdTime": iso(ask.cloud.clock()),
        "dataPath": None,
    }


def _information(ask: Ask, artifact: str, permission: str) -> dict[str, Any]:
    origin, container, path = artifact.split("/", 2)
    return {
        "contentUri": content_uri(ask, artifact, permission),
        "origin": origin,
        "container": container,
        "path": path,
    }


def _create(ask: Ask) -> Any:
    body = ask.body if isinstance(ask.body, dict) else {}
    paths = [str(item.get("path", "")) for item in body.get("paths") or []]
    if not paths:
        raise Refusal("ValidationError", "The paths field is required.")
    if len(paths) > MAX_BATCH:
        raise Refusal("BatchTooLarge", f"A batch has at most {MAX_BATCH} artifacts.")
    artifacts = {path: f"{ask.path['origin']}/{ask.path['container']}/{path}" for path in paths}
    return {
        "artifacts": {path: _described(ask, artifact) for path, artifact in artifacts.items()},
        "artifactContentInformation": {
            path: _information(ask, artifact, "rw") for path, artifact in artifacts.items()
        },
        "errors": {},
    }


def _artifact(ask: Ask) -> str:
    path = ask.query.get("path") or ask.path.get("path", "")
    return f"{ask.path['origin']}/{ask.path['container']}/{path}"


def _below(ask: Ask) -> Any:
    found = ask.cloud.artifacts.below(_artifact(ask))
    return {"value": [_information(ask, artifact, "r") for artifact in found], "continuationToken": None}


def _one(ask: Ask) -> Any:
    artifact = _artifact(ask)
    ask.cloud.artifacts.file(artifact)
    return _information(ask, artifact, "r")


def _content(ask: Ask) -> Response:
    return FileResponse(ask.cloud.artifacts.file(_artifact(ask)), media_type="application/octet-stream")


async def _put_blob(ask: Ask) -> Response:
    path = ask.path["path"]
    blobs = ask.cloud.blobs
    blobs.check_signature(path, ask.query, "w")
    if ask.query.get("comp") == "metadata":
        return Response(status_code=200)
    part = blobs.new_part()
    digest = hashlib.md5(usedforsecurity=False)
    size, expected = 0, int(ask.headers.get("content-length", 0))
    try:
        with part.open("wb") as file:
            async for chunk in ask.request.stream():
                size += len(chunk)
                if size > MAX_BLOB:
                    raise Refusal("RequestBodyTooLarge", "The blob is too large.", 413)
                file.write(chunk)
                digest.update(chunk)
                if ask.fault is not None and size * 2 >= expected:
                    abort(ask.request.scope)
        if ask.query.get("comp") == "block":
            blobs.put_block(path, ask.query.get("blockid", ""), part)
        elif ask.query.get("comp") == "blocklist":
            blobs.commit(path, _blocks(part.read_bytes()))
        else:
            blobs.put(path, part)
    finally:
        part.unlink(missing_ok=True)
    headers = {
        "Content-MD5": _base64(digest.digest()),
        **_stamps(ask, path),
        "x-ms-request-server-encrypted": "true",
    }
    return Response(status_code=201, headers=headers)


def _blocks(content: bytes) -> list[str]:
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - our own client's list; the signature was checked
    except ElementTree.ParseError:
        raise Refusal("InvalidXmlDocument", "The block list is not XML.", 400) from None
    return [item.text or "" for item in root]


def _get_blob(ask: Ask) -> Response:
    path = ask.path["path"]
    ask.cloud.blobs.check_signature(path, ask.query, "r")
    file = ask.cloud.blobs.file(path)
    size = file.stat().st_size
    headers = {"Accept-Ranges": "bytes", "x-ms-blob-type": "BlockBlob", **_stamps(ask, path)}
    if ask.request.method == "HEAD":
        return Response(
            headers={**headers, "Content-Length": str(size)}, media_type="application/octet-stream"
        )
    asked = ask.headers.get("x-ms-range") or ask.headers.get("range", "")
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    if not found:
        return FileResponse(file, headers=headers, media_type="application/octet-stream")
    first = int(found[1])
    last = min(int(found[2]) if found[2] else size - 1, size - 1)
    if first > last:
        raise Refusal("InvalidRange", "The range is not satisfiable.", 416)
    with file.open("rb") as content:
        content.seek(first)
        data = content.read(last - first + 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(data, status_code=206, headers=headers, media_type="application/octet-stream")


def _stamps(ask: Ask, path: str) -> dict[str, str]:
    from email.utils import formatdate

    found = ask.cloud.blobs.find(path)
    modified = found["modified"] if found else ask.cloud.clock()
    tag = found["md5"] if found else "none"
    return {
        "ETag": f'"{tag}"',
        "Last-Modified": formatdate(modified, usegmt=True),
        "x-ms-version": "2021-12-02",
        "Date": formatdate(ask.cloud.clock(), usegmt=True),
    }


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


_PATH = "{origin}/{container}/{path:path}"
ENDPOINTS = (
    Endpoint("POST", f"{_ARTIFACTS}/batch/metadata/{{origin}}/{{container}}", "upload.create", _create),
    Endpoint("GET", f"{_ARTIFACTS}/prefix/contentinfo/{_PATH}", "models.get", _below),
    Endpoint("GET", f"{_ARTIFACTS}/contentinfo/{_PATH}", "models.get", _one),
    Endpoint("GET", f"{_ARTIFACTS}/content/{_PATH}", "models.get", _content),
    Endpoint(
        "PUT",
        f"{_STORE}/{{path:path}}",
        "upload.blob",
        _put_blob,
        open=True,
        streams=True,
        own_faults=("half",),
    ),
    Endpoint("GET", f"{_STORE}/{{path:path}}", "models.get", _get_blob, open=True),
    Endpoint("HEAD", f"{_STORE}/{{path:path}}", "upload.blob", _get_blob, open=True),
)
