"""Operations, asked after until they end.

The answer waits a while for the end, so that a client that sleeps between questions sleeps no longer than
needed. One that would rather hear of the steps in between says so: `Prefer: wait=SECONDS` (RFC 7240).
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from toc_build.rehearsal.domain.records import Operation
from toc_build.rehearsal.wire.http import Ask, Endpoint
from toc_build.rehearsal.wire.v1.models import MANAGEMENT

WAIT_SECONDS = 20.0  # a client gives up after 80 s
TICK_SECONDS = 0.05
_WAIT = re.compile(r"\bwait=(\d+)")
LOGS = "/rehearsed-logs/{operation}"


async def until_done(ask: Ask) -> Operation:
    """The operation that the address names, once it has ended or the wait is over."""
    identity = ask.path["operation"]
    asked = _WAIT.search(ask.headers.get("prefer", ""))
    seconds = min(WAIT_SECONDS, float(asked[1])) if asked else WAIT_SECONDS
    for _ in range(max(1, int(seconds / TICK_SECONDS))):
        operation = await run_in_threadpool(ask.cloud.operations.get, identity)
        if operation.done:
            break
        await asyncio.sleep(TICK_SECONDS)
    return operation


async def _get(ask: Ask) -> Any:
    return payload(ask, await until_done(ask))


def payload(ask: Ask, operation: Operation) -> dict[str, Any]:
    """An operation as the service shows it."""
    stream = "#".join(f"{stamp}|{line}" for stamp, line in operation.told)
    offset = int(ask.query["offset"]) if ask.query.get("offset", "").isdigit() else 0
    return {
        "id": operation.id,
        "operationType": operation.kind,
        "state": operation.state,
        "createdTime": operation.created,
        "endTime": operation.ended,
        "resourceLocation": operation.result,
        "operationDetails": {"subOperationType": operation.step, "subOperationState": operation.state}
        if operation.step
        else None,
        "operationLog": log_address(ask, operation.id),
        "streamingOperationLog": stream[offset:],
        "error": operation.error,
        "parentRequestId": None,
    }


def log_address(ask: Ask, operation: str) -> str:
    """Where a build's log can be read; signed, because nobody signs in for it."""
    path = f"logs/{operation}"
    return f"{ask.services.base}/rehearsed-logs/{operation}?{ask.cloud.blobs.signed_query(path, 'r')}"


def _log(ask: Ask) -> Response:
    identity = ask.path["operation"]
    ask.cloud.blobs.check_signature(f"logs/{identity}", ask.query, "r")
    content = "".join(f"{line}\n" for line in ask.cloud.operations.get(identity).log).encode()
    first = ask.headers.get("range", "").removeprefix("bytes=").rstrip("-")
    if first.isdigit():
        if int(first) >= len(content):
            return Response(status_code=416)
        return Response(content[int(first) :], status_code=206, media_type="text/plain; charset=utf-8")
    return PlainTextResponse(content)


ENDPOINTS = (
    Endpoint("GET", f"{MANAGEMENT}/operations/{{operation}}", "operations.get", _get),
    Endpoint("GET", LOGS, "operations.get", _log, open=True),
)
