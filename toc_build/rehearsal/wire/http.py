"""What every route of the rehearsed services has in common: who may ask, faults, log, the shape of errors.

A route's handler is an ordinary function that is given an `Ask`, returns JSON values or a response, and
raises `Refusal`. It runs in a thread. Handlers that stream a body or wait are coroutines.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.faults import STATUSES, Fault, Faults
from toc_build.rehearsal.log import RequestLog
from toc_build.rehearsal.wire.connections import abort
from toc_build.rehearsal.wire.tokens import Tokens

if TYPE_CHECKING:
    from toc_build.rehearsal.deployments import Deployments
    from toc_build.rehearsal.domain.cloud import Cloud
    from toc_build.rehearsal.domain.records import Service

MAX_BODY = 64 << 20
_FAULT_CODES = {
    "408": "RequestTimeout",
    "429": "TooManyRequests",
    "500": "InternalServerError",
    "502": "BadGateway",
    "503": "ServiceUnavailable",
    "504": "GatewayTimeout",
}


@dataclass(frozen=True)
class Services:
    """What the handlers work with.

    Attributes:
        cloud: the workspace.
        deployments: what runs.
        faults: that are to happen.
        log: of requests.
        tokens: issues and checks them.
        base: address of this server, without a slash at the end.
        nonce: of this run, for addresses that a client may remember for ever.
        open_address: given a service, sees to it that its address is listened on and recorded.
        control_key: what whoever started this server shows to control it.
    """

    cloud: Cloud
    deployments: Deployments
    faults: Faults
    log: RequestLog
    tokens: Tokens
    base: str
    nonce: str
    open_address: Callable[[Service], None]
    control_key: str


@dataclass(frozen=True)
class Ask:
    """A request, read.

    Attributes:
        services: what the handlers work with.
        path: the route's parameters.
        query: of the address.
        headers: by name in lower case.
        body: JSON values, or None.
        request: the request itself.
        fault: one that the handler must bring about by itself.
    """

    services: Services
    path: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    request: Request
    fault: Fault | None = None

    @property
    def cloud(self) -> Cloud:
        """The workspace."""
        return self.services.cloud

    @property
    def scope(self) -> str:
        """The resource id that the address speaks of."""
        return self.cloud.identity.scope


Handler = Callable[[Ask], Any]


@dataclass(frozen=True)
class Endpoint:
    """A route of a rehearsed service.

    Attributes:
        method: `GET`, `PUT` and so on.
        path: with parameters in braces.
        step: what faults and the log call it.
        handler: answers.
        open: whether nobody has to sign in.
        streams: whether the handler reads the body itself.
        own_faults: kinds that the handler brings about by itself.
        arm: whether errors have the shape of Azure Resource Manager's.
    """

    method: str
    path: str
    step: str
    handler: Handler
    open: bool = False
    streams: bool = False
    own_faults: tuple[str, ...] = ()
    arm: bool = False


@dataclass
class _Done:
    """What goes into the log about a request."""

    fault: Fault | None = None
    note: str = ""
    started: float = field(default_factory=time.monotonic)


def route(endpoint: Endpoint, services: Services) -> Route:
    """The endpoint as a route of the application."""

    async def answer(request: Request) -> Response:
        done = _Done()
        identity = request.headers.get("x-ms-client-request-id") or str(uuid.uuid4())
        try:
            response = await _answer(endpoint, services, request, done)
        except ClientDisconnect:
            done.note = "the client went away"
            response = Response(status_code=400)
        response.headers["x-ms-request-id"] = identity
        services.log.write(
            step=endpoint.step,
            method=request.method,
            path=request.url.path,
            status=response.status_code,
            seconds=time.monotonic() - done.started,
            fault=str(done.fault) if done.fault else None,
            note=done.note,
        )
        return response

    return Route(endpoint.path, answer, methods=[endpoint.method])


async def _answer(endpoint: Endpoint, services: Services, request: Request, done: _Done) -> Response:
    fault = services.faults.take(endpoint.step)
    done.fault = fault
    own = None
    if fault is not None:
        if fault.kind in endpoint.own_faults:
            own = fault
        elif fault.kind == "slow":
            await asyncio.sleep(fault.value)
        elif fault.kind == "cut":
            abort(request.scope)
        elif fault.kind != "lost":
            return _faulty(fault.kind, endpoint.arm)
    response = await _true_answer(endpoint, services, request, own, done)
    if fault is not None and fault.kind == "lost":
        abort(request.scope)
    return response


async def _true_answer(
    endpoint: Endpoint, services: Services, request: Request, own: Fault | None, done: _Done
) -> Response:
    try:
        if not endpoint.open:
            services.tokens.check(request.headers.get("authorization", ""))
        if "workspace" in request.path_params:
            _check_workspace(services, request.path_params)
        body = None if endpoint.streams else await _json(request)
        ask = Ask(
            services,
            {name: str(value) for name, value in request.path_params.items()},
            dict(request.query_params),
            dict(request.headers),
            body,
            request,
            own,
        )
        if inspect.iscoroutinefunction(endpoint.handler):
            coroutine: Awaitable[Any] = endpoint.handler(ask)
            result = await coroutine
        else:
            result = await run_in_threadpool(endpoint.handler, ask)
    except Refusal as refusal:
        done.note = f"{refusal.code}: {refusal.message}"
        return error_response(refusal.code, refusal.message, refusal.status, arm=endpoint.arm)
    if isinstance(result, Response):
        return result
    return Response(status_code=200) if result is None else JSONResponse(result)


def _check_workspace(services: Services, path: dict[str, str]) -> None:
    """Refuses any workspace but the one that there is."""
    identity = services.cloud.identity
    asked = (path.get("subscription", ""), path.get("group", ""), path["workspace"])
    if tuple(part.lower() for part in asked) != (
        identity.subscription.lower(),
        identity.resource_group.lower(),
        identity.workspace.lower(),
    ):
        raise Refusal(
            "ResourceNotFound",
            f"The Resource 'Microsoft.MachineLearningServices/workspaces/{asked[2]}' under resource group "
            f"'{asked[1]}' was not found. The rehearsal has one workspace: {identity.workspace} in "
            f"{identity.resource_group}.",
            404,
        )


async def _json(request: Request) -> Any:
    size = 0
    chunks: list[bytes] = []
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise Refusal("RequestBodyTooLarge", "The request body is too large.", 413)
        chunks.append(chunk)
    content = b"".join(chunks)
    if not content:
        return None
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        from urllib.parse import parse_qsl

        return dict(parse_qsl(content.decode("utf-8", "replace")))
    try:
        return json.loads(content)
    except ValueError:
        raise Refusal("InvalidRequestContent", "The request content was not JSON.", 400) from None


def _faulty(kind: str, arm: bool) -> Response:
    if kind in STATUSES:
        response = error_response(_FAULT_CODES[kind], "A fault was asked for.", int(kind), arm=arm)
        if kind in {"429", "503"}:
            response.headers["Retry-After"] = "1"
        return response
    if kind == "expired":
        message = "The access token expiry UTC time is earlier than current UTC time: a fault was asked for."
        return error_response("ExpiredAuthenticationToken", message, 401, arm=arm)
    return error_response("QuotaExceeded", "The quota is used up: a fault was asked for.", 409, arm=arm)


def error_response(code: str, message: str, status: int, *, arm: bool) -> Response:
    """An error in the shape of Azure Resource Manager's, or of the model management service's."""
    body: dict[str, Any] = {"code": code, "message": message}
    if arm:
        body = {"error": body}
    else:
        body |= {
            "statusCode": status,
            "details": [dict(body)],
            "correlation": {"RequestId": uuid.uuid4().hex},
        }
    return JSONResponse(body, status_code=status)


def text(value: Any, name: str) -> str:
    """A text of a request.

    Raises:
        Refusal: it is missing or something else.
    """
    if not isinstance(value, str) or not value:
        raise Refusal("ValidationError", f"The {name} field is required.")
    return value


def words(value: Any, name: str) -> dict[str, str]:
    """A dictionary of texts of a request; empty when it is missing.

    Raises:
        Refusal: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal("ValidationError", f"The {name} field must hold names and texts.")
    return {str(key): "" if item is None else str(item) for key, item in value.items()}
