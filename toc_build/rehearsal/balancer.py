"""What stands before the replicas: asks for key or token, chooses version and replica, passes requests on.

On a cluster every service is behind one address, `/api/v1/service/<name>/score`, and requests wait in a queue
for a replica; a container group answers for itself. Traffic is dealt out so that the shares of an endpoint's
versions are exact over every hundred requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from toc_build.rehearsal.deployments import Deployments
from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.records import Service, Version
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.services import ACI, AKS, ENDPOINT
from toc_build.rehearsal.faults import STATUSES, Faults
from toc_build.rehearsal.log import RequestLog
from toc_build.rehearsal.scorers.group import Group
from toc_build.rehearsal.scorers.running import RunningReplica
from toc_build.rehearsal.wire.connections import Cut, abort
from toc_build.rehearsal.wire.tokens import Tokens

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
MAX_BODY = 100 << 20  # the ingress of a cluster takes no larger one
QUEUE_TICK_SECONDS = 0.005
_HOP = {
    b"connection",
    b"keep-alive",
    b"transfer-encoding",
    b"upgrade",
    b"te",
    b"trailer",
    b"host",
    b"content-length",
}
# A replica does not see the key that let the request in.
_OURS = {*_HOP, b"authorization"}


class Shares:
    """Deals requests out to versions by their percentages: smooth weighted round robin."""

    def __init__(self) -> None:
        self._credit: dict[tuple[str, str], float] = {}

    def choose(self, service: Service, able: list[Version]) -> Version:
        """The version that gets the next request.

        Args:
            service: an endpoint.
            able: versions with replicas; not empty.
        """
        weights = {version.name: float(version.traffic) for version in able}
        rest = 100 - sum(version.traffic for version in service.versions.values())
        default = next((version for version in able if version.default), able[0])
        weights[default.name] += rest  # what nobody is given goes to the default
        total = sum(weights.values()) or 1.0
        for version in able:
            key = (service.name, version.name)
            self._credit[key] = self._credit.get(key, 0.0) + weights[version.name]
        best = max(able, key=lambda version: self._credit[service.name, version.name])
        self._credit[service.name, best.name] -= total
        return best


class Balancer:
    """One web application for all addresses of services.

    Args:
        cloud: the workspace.
        deployments: what runs.
        tokens: checks them.
        faults: that are to happen.
        log: of requests.
    """

    def __init__(
        self, cloud: Cloud, deployments: Deployments, tokens: Tokens, faults: Faults, log: RequestLog
    ) -> None:
        self._cloud, self._deployments, self._tokens = cloud, deployments, tokens
        self._faults, self._log = faults, log
        self._shares = Shares()
        self._client = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0), trust_env=False
        )

    async def close(self) -> None:
        """Lets go of its connections."""
        await self._client.aclose()

    def for_group(self, service: str) -> Any:
        """The application for the address of a container group."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self._answer(scope, receive, send, service, None, scope["path"])

        return application

    def for_cluster(self, cluster: str) -> Any:
        """The application for the address of a cluster."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            parts = scope["path"].split("/")  # "", api, v1, service, <name>, score
            if parts[1:4] == ["api", "v1", "service"] and len(parts) > 4:
                name, version, rest = parts[4], None, parts[5:]
            elif parts[1:4] == ["api", "v1", "endpoint"] and len(parts) > 4:
                name, rest = parts[4], parts[5:]
                version = rest[1] if rest[:1] == ["versions"] and len(rest) > 1 else None
                rest = rest[2:] if version else rest
            else:
                await _reply(send, 404, "There is no service at this path.")
                return
            service = self._cloud.services.find(name)
            kind = AKS if parts[3] == "service" else ENDPOINT
            if service is None or service.cluster != cluster or service.kind != kind:
                await _reply(send, 404, f"There is no service {name} on this cluster.")
                return
            await self._answer(scope, receive, send, name, version, "/" + "/".join(rest))

        return application

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, name: str, version: str | None, path: str
    ) -> None:
        started = time.monotonic()
        fault = self._faults.take("score") if path == "/score" else None
        status, note = 0, ""
        try:
            if fault is not None and fault.kind in STATUSES:
                status = int(fault.kind)
                await _reply(send, status, "A fault was asked for.")
                return
            if fault is not None and fault.kind == "slow":
                await asyncio.sleep(fault.value)
            elif fault is not None:
                abort(scope)
            try:
                status, note = await self._pass_on(scope, receive, send, name, version, path)
            except Refusal as refusal:
                status, note = refusal.status, refusal.message
                await _reply(send, refusal.status, refusal.message)
        except Cut:
            note = "cut"
            raise
        finally:
            self._log.write(
                step="score",
                method=scope["method"],
                path=f"{name}{'/' + version if version else ''}{path}",
                status=status,
                seconds=time.monotonic() - started,
                fault=str(fault) if fault else None,
                note=note,
            )

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, name: str, version: str | None, path: str
    ) -> tuple[int, str]:
        service = self._cloud.services.find(name)
        if service is None:
            raise Refusal("NotFound", f"There is no service {name}.", 404)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not (path == "/" and scope["method"] == "GET"):
            self._check_access(service, headers.get(b"authorization", b"").decode("latin-1"))
        body = await _read(receive)
        chosen, group, replica = await self._take(service, version, limited=path == "/score")
        try:
            return await self._ask(scope, send, service, chosen, replica, path, body)
        finally:
            group.give_back(replica)

    def _check_access(self, service: Service, authorization: str) -> None:
        """Refuses a request without the key or token that the service wants.

        Raises:
            Refusal: with status 401.
        """
        if service.auth == "none":
            return
        scheme, _, shown = authorization.partition(" ")
        if scheme.lower() != "bearer" or not shown:
            raise Refusal(
                "Unauthorized", "The Authorization header is missing: send `Bearer <key or token>`.", 401
            )
        if service.auth == "key":
            keys = (service.primary_key, service.secondary_key)
            if not any(hmac.compare_digest(shown.encode(), key.encode()) for key in keys):
                raise Refusal("Unauthorized", "This key is not one of the service's.", 401)
            return
        claims = self._tokens.check(authorization)
        if claims.get("aud") != f"service/{service.name}":
            raise Refusal("Unauthorized", "This token is for something else.", 401)

    def _choose(self, service: Service, version: str | None) -> tuple[Version, Group]:
        able = {
            name: group
            for name in service.versions
            if (group := self._deployments.group(service.name, name)) is not None
        }
        if version is not None:
            if version not in service.versions:
                raise Refusal("NotFound", f"There is no version {version}.", 404)
            able = {name: group for name, group in able.items() if name == version}
        if not able:
            raise Refusal("ServiceUnavailable", f"The service {service.name} is not ready.", 503)
        if service.kind != ENDPOINT or version is not None:
            name, group = next(iter(able.items()))
            return service.versions[name], group
        chosen = self._shares.choose(service, [service.versions[name] for name in able])
        return chosen, able[chosen.name]

    async def _take(
        self, service: Service, version: str | None, *, limited: bool
    ) -> tuple[Version, Group, RunningReplica]:
        """A replica to ask, as soon as one is free; those that are going away are asked nothing more."""
        chosen, group = self._choose(service, version)
        limit = (chosen.scorer.concurrency or None) if limited else None
        deadline = time.monotonic() + chosen.scorer.queue_ms / 1000
        while (replica := group.take(limit)) is None:
            if group.ended.is_set():  # another group has taken its place, or the service is going away
                chosen, group = self._choose(service, version)
            if time.monotonic() > deadline:
                raise Refusal(
                    "ServiceUnavailable",
                    "Every replica is busy, and the time to wait for one has run out.",
                    503,
                )
            await asyncio.sleep(QUEUE_TICK_SECONDS)
        return chosen, group, replica

    async def _ask(
        self,
        scope: Scope,
        send: Send,
        service: Service,
        version: Version,
        replica: RunningReplica,
        path: str,
        body: bytes,
    ) -> tuple[int, str]:
        query = scope["query_string"].decode("latin-1")
        headers = [(name, value) for name, value in scope["headers"] if name not in _OURS]
        seconds = version.scorer.timeout_ms / 1000 if service.kind != ACI else None
        try:
            answer = await self._client.request(
                scope["method"],
                f"{replica.address}{path}{'?' + query if query else ''}",
                headers=headers,
                content=body,
                timeout=httpx.Timeout(seconds, connect=10.0),
            )
        except httpx.TimeoutException:
            raise Refusal(
                "GatewayTimeout", f"The scoring script took longer than {seconds} s.", 504
            ) from None
        except httpx.HTTPError as error:
            raise Refusal("BadGateway", f"The replica went away: {type(error).__name__}.", 502) from None
        content = answer.content
        kept = [
            (name, value)
            for name, value in answer.headers.raw
            if name.lower() not in _HOP and name.lower() != b"content-encoding"
        ]
        kept.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": content})
        return answer.status_code, version.name if service.kind == ENDPOINT else ""


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Cut
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise Refusal("RequestEntityTooLarge", "The request is larger than 100 MB.", 413)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def _reply(send: Send, status: int, message: str) -> None:
    content = message.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
    ]
    with contextlib.suppress(RuntimeError):  # the client went away
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
