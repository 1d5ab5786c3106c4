"""The rehearsal's own door, beside Azure's: what is running, faults, stop. `client` knocks here."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

from toc_build.errors import UserError
from toc_build.rehearsal import faults as fault_texts
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.process import KEY_HEADER, PATH
from toc_build.rehearsal.wire.http import Ask, Endpoint
from toc_build.rehearsal.wire.v1.service_payloads import scoring_uri


def _check(ask: Ask) -> None:
    if not hmac.compare_digest(ask.headers.get(KEY_HEADER, ""), ask.services.control_key):
        raise Refusal("Forbidden", "Only whoever started the rehearsal controls it.", 403)


def _status(ask: Ask) -> Any:
    _check(ask)
    cloud = ask.cloud
    return {
        "services": [
            {
                "name": service.name,
                "kind": service.kind,
                "cluster": service.cluster,
                "state": service.state,
                "scoring_uri": scoring_uri(ask, service),
            }
            for service in cloud.services.list()
        ],
        "models": [model.id for model in cloud.models.list()],
        "clusters": [
            {
                "name": cluster.name,
                "vm_size": cluster.vm_size,
                "nodes": cluster.nodes,
                "purpose": "production" if cluster.production else "dev-test",
            }
            for cluster in cloud.computes.list()
        ],
        "faults": ask.services.faults.waiting(),
    }


def _add_faults(ask: Ask) -> Any:
    _check(ask)
    texts = ask.body.get("faults") if isinstance(ask.body, dict) else None
    try:
        added = [fault for text in texts or [] for fault in fault_texts.parse(str(text))]
    except UserError as error:
        raise Refusal("InvalidFault", str(error)) from None
    ask.services.faults.add(added)
    return {"faults": ask.services.faults.waiting()}


def _clear_faults(ask: Ask) -> Any:
    _check(ask)
    ask.services.faults.clear()
    return {"faults": []}


def control_endpoints(stop: asyncio.Event) -> tuple[Endpoint, ...]:
    """The routes of the door; `stop` ends the server."""

    async def stop_server(ask: Ask) -> Any:
        _check(ask)
        stop.set()
        return {}

    return (
        Endpoint("GET", f"{PATH}/status", "control", _status, open=True),
        Endpoint("POST", f"{PATH}/faults", "control", _add_faults, open=True),
        Endpoint("DELETE", f"{PATH}/faults", "control", _clear_faults, open=True),
        Endpoint("POST", f"{PATH}/stop", "control", stop_server, open=True),
    )
