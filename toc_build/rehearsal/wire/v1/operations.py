"""Operations, asked after until they end. The answer waits a while for the end, so that a client that sleeps
between questions does not sleep longer than needed."""

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


async def _get(ask: Ask) -> Any:
    identity = ask.path["operation"]
    waited = 0.0
    operation = await run_in_threadpool(ask.cloud.operations.get, identity)
    told = len(operation.told)
    while not operation.done and waited < WAIT_SECONDS and not (waited and len(operation.told) > told):
        await asyncio.sleep(TICK_SECONDS)
        waited += TICK_SECONDS
        operation = await run_in_threadpool(ask.cloud.operations.get, identity)
        if "offset" not in ask.query:
            told = len(operation.told)  # a client that shows no lines waits for the end alone
    return payload(ask, operation)


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
