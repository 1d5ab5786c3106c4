"""A registry in memory behind httpx's transport: it logs in, breaks lines and forgets, as it is told."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

import httpx

_UPLOAD = "/v2/{0}/blobs/uploads/"


class FakeRegistry:
    """What it holds and what it was asked.

    Attributes:
        blobs: by repository and digest.
        manifests: by repository and digest or tag: bytes and media type.
        asked: method and path of every request that was answered.
        received: bytes of blobs that came in.
        breaks: how many of the next PATCH requests lose their line; each keeps `keeps` bytes of its piece.
        forgets: whether a broken upload is forgotten.
        auth: `none`, `basic` or `bearer`.
        overloaded: how many of the next requests get 503.
        referrers: whether it knows OCI 1.1's referrers.
    """

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.received = 0
        self.breaks = 0
        self.keeps = 0
        self.forgets = False
        self.auth = "none"
        self.user = ("somebody", "a password")
        self.refresh_token = "a refresh token"
        self.overloaded = 0
        self.referrers = False
        self.slept: list[float] = []
        self._uploads: dict[str, bytearray] = {}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def put_blob(self, repository: str, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[repository, digest] = data
        return digest

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        for name in (reference, digest):
            self.manifests[repository, name] = (data, media_type)
        return digest

    def count(self, method: str, part: str) -> int:
        return sum(one == method and part in path for one, path in self.asked)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/token":
            return self._token(request)
        if path == "/oauth2/exchange":
            form = dict(parse_qsl(request.content.decode()))
            known = form["access_token"] == "an Azure token"
            return httpx.Response(200 if known else 401, json={"refresh_token": self.refresh_token})
        if self.overloaded:
            self.overloaded -= 1
            return httpx.Response(503, headers={"Retry-After": "7"})
        if (challenge := self._challenge(request)) is not None:
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        self.asked.append((request.method, path))
        repository, kind, rest = self._parts(path)
        return self._kinds()[kind](request, repository, rest)

    def _kinds(self) -> dict[str, Callable[[httpx.Request, str, str], httpx.Response]]:
        return {
            "uploads": self._upload,
            "blobs": self._blob,
            "manifests": self._manifest,
            "referrers": self._refer,
        }

    def _parts(self, path: str) -> tuple[str, str, str]:
        match = re.fullmatch(r"/v2/(.+?)/(blobs/uploads|blobs|manifests|referrers)/(.*)", path)
        assert match, path
        return match[1], match[2].rpartition("/")[2], match[3]

    def _challenge(self, request: httpx.Request) -> str | None:
        given = request.headers.get("Authorization", "")
        if self.auth == "basic":
            right = base64.b64encode(":".join(self.user).encode()).decode()
            return None if given == f"Basic {right}" else 'Basic realm="here"'
        if self.auth == "bearer" and given != "Bearer good":
            return f'Bearer realm="{request.url.copy_with(path="/token", query=None)}",service="reg"'
        return None

    def _token(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            form = dict(parse_qsl(request.content.decode()))
            good = form.get("refresh_token") == self.refresh_token and form["grant_type"] == "refresh_token"
            return httpx.Response(200 if good else 401, json={"access_token": "good"})
        right = base64.b64encode(":".join(self.user).encode()).decode()
        good = request.headers.get("Authorization") == f"Basic {right}"
        return httpx.Response(200 if good else 401, json={"token": "good"})

    def _upload(self, request: httpx.Request, repository: str, rest: str) -> httpx.Response:
        query = dict(request.url.params)
        if request.method == "POST":
            source = (query.get("from", ""), query.get("mount", ""))
            if source in self.blobs:
                self.blobs[repository, source[1]] = self.blobs[source]
                return httpx.Response(201)
            name = f"u{len(self._uploads) + 1}"
            self._uploads[name] = bytearray()
            return self._go_on(repository, name)
        upload = self._uploads.get(rest)
        if upload is None or query.get("state") != "kept":
            return httpx.Response(404, json={"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]})
        if request.method == "GET":
            return self._go_on(repository, rest)
        if request.method == "PATCH":
            start = int(request.headers["Content-Range"].partition("-")[0])
            if start != len(upload):
                return httpx.Response(416)
            if self.breaks:
                self.breaks -= 1
                upload += request.content[: self.keeps]
                if self.forgets:
                    del self._uploads[rest]
                raise httpx.ReadError("the line broke")
            upload += request.content
            self.received += len(request.content)
            return self._go_on(repository, rest)
        upload += request.content
        self.received += len(request.content)
        digest = f"sha256:{hashlib.sha256(upload).hexdigest()}"
        if digest != query["digest"]:
            return httpx.Response(400, json={"errors": [{"code": "DIGEST_INVALID"}]})
        self.blobs[repository, digest] = bytes(upload)
        return httpx.Response(201)

    def _go_on(self, repository: str, name: str) -> httpx.Response:
        last = max(0, len(self._uploads[name]) - 1)
        headers = {"Location": f"{_UPLOAD.format(repository)}{name}?state=kept", "Range": f"0-{last}"}
        return httpx.Response(202, headers=headers)

    def _blob(self, request: httpx.Request, repository: str, rest: str) -> httpx.Response:
        data = self.blobs.get((repository, rest))
        if data is None:
            return httpx.Response(404)
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        content = httpx.ByteStream(data[start:] if request.method == "GET" else b"")
        return httpx.Response(206 if start else 200, stream=content)

    def _manifest(self, request: httpx.Request, repository: str, rest: str) -> httpx.Response:
        if request.method == "PUT":
            self.put_manifest(repository, rest, request.content, request.headers["Content-Type"])
            subject = b'"subject"' in request.content and self.referrers
            return httpx.Response(201, headers={"OCI-Subject": "it"} if subject else {})
        found = self.manifests.get((repository, rest))
        if found is None:
            return httpx.Response(404, json={"errors": [{"code": "MANIFEST_UNKNOWN"}]})
        return httpx.Response(200, content=found[0], headers={"Content-Type": found[1]})

    def _refer(self, _request: httpx.Request, repository: str, rest: str) -> httpx.Response:
        import json

        if not self.referrers:
            return httpx.Response(404)
        found = []
        for (where, name), (data, media_type) in self.manifests.items():
            if where == repository and name.startswith("sha256:"):
                manifest = json.loads(data)
                if manifest.get("subject", {}).get("digest") == rest:
                    entry = {"digest": name, "size": len(data), "mediaType": media_type}
                    found.append({**entry, "artifactType": manifest["artifactType"]})
        return httpx.Response(200, json={"manifests": found})
