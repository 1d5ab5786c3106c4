"""The model management service's services: validate, create, read, change, delete, keys, tokens, logs."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import JSONResponse, Response

from toc_build.rehearsal.domain.records import Operation, Service
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.services import ENDPOINT
from toc_build.rehearsal.wire.http import Ask, Endpoint
from toc_build.rehearsal.wire.tokens import SCORING_VALID_SECONDS
from toc_build.rehearsal.wire.v1.models import MANAGEMENT, matches
from toc_build.rehearsal.wire.v1.service_changes import changed
from toc_build.rehearsal.wire.v1.service_payloads import service_payload
from toc_build.rehearsal.wire.v1.service_requests import read_service

REFRESH_SECONDS = SCORING_VALID_SECONDS / 2


def _validate_name(ask: Ask) -> Any:
    return _objection(lambda: ask.cloud.services.check_name(ask.path["name"]))


def _validate(ask: Ask) -> Any:
    body = ask.body if isinstance(ask.body, dict) else {}
    if body.get("type") == "Create" and body.get("createRequest"):
        return _objection(lambda: read_service(ask, body["createRequest"], checked=False))
    if body.get("type") == "Update" and body.get("updateRequest"):
        return _objection(lambda: changed(ask, str(body.get("serviceName")), body["updateRequest"]))
    return {}


def _validate_resource(ask: Ask) -> Any:
    return _objection(lambda: read_service(ask, ask.body, checked=False))


def _objection(check: Any) -> dict[str, Any]:
    """What validation answers: nothing, or an error with status 200."""
    try:
        check()
    except Refusal as refusal:
        return {"error": {"code": refusal.code, "statusCode": refusal.status, "message": refusal.message}}
    return {}


def _create(ask: Ask) -> Response:
    body = ask.body if isinstance(ask.body, dict) else {}
    name = str(body.get("name") or "")
    before = ask.cloud.services.find(name)
    overwrite = bool(body.get("overwrite")) and before is not None
    service = read_service(ask, body, checked=not overwrite)
    if before is not None:
        if before.kind != service.kind or before.cluster != service.cluster:
            ask.services.deployments.drop(name, list(before.versions))
        else:
            service.port = before.port
            for version, kept in before.versions.items():
                if version in service.versions:
                    service.versions[version].serving = kept.serving
        service.created = before.created
    return _begin(ask, service, list(service.versions))


def _begin(ask: Ask, service: Service, versions: list[str]) -> Response:
    operation = ask.cloud.operations.create("Service", f"services/{service.name}")
    service.operation = operation.id
    for name in versions:
        service.versions[name].state, service.versions[name].error = "Transitioning", None
    ask.services.open_address(service)
    ask.cloud.services.save(service)
    ask.services.deployments.deploy(service, versions, operation)
    return accepted(ask, operation)


def _get(ask: Ask) -> Any:
    return service_payload(ask, ask.cloud.services.get(ask.path["name"]))


def _list(ask: Ask) -> Any:
    found = ask.cloud.services.list()
    if kind := ask.query.get("computeType"):
        found = [service for service in found if service.kind == kind.upper()]
    if model := ask.query.get("modelId") or ask.query.get("modelName"):
        found = [
            service
            for service in found
            if any(
                model in {identity, identity.rpartition(":")[0]}
                for version in service.versions.values()
                for identity in version.scorer.models
            )
        ]
    for query, key in (("tags", "kvTags"), ("properties", "properties")):
        if wanted := ask.query.get(query):
            found = [service for service in found if matches(wanted, service.document.get(key) or {})]
    return {"value": [service_payload(ask, service) for service in found]}


def _update(ask: Ask) -> Response:
    name = ask.path["name"]
    if ask.services.deployments.busy(name):
        raise Refusal(
            "ServiceInTransition", f"Service {name} is being changed: wait for that, or delete it.", 409
        )
    change = changed(ask, name, ask.body)
    if change.restarted:
        ask.services.deployments.drop(name, change.removed)
        return _begin(ask, change.service, change.restarted)
    ask.cloud.services.save(change.service)
    ask.services.deployments.drop(name, change.removed)
    ask.services.deployments.rescale(change.service)
    return JSONResponse(service_payload(ask, change.service))


def _delete(ask: Ask) -> Response:
    service = ask.cloud.services.find(ask.path["name"])
    if service is None:
        return Response(status_code=204)
    operation = ask.cloud.operations.create("Service", f"services/{service.name}")
    service.deleting = True
    ask.cloud.services.save(service)
    ask.services.deployments.delete(service, operation)
    return accepted(ask, operation)


def accepted(ask: Ask, operation: Operation) -> Response:
    """The answer to a request whose work goes on: where to ask how it goes."""
    place = f"{ask.services.base}/modelmanagement/v1.0{ask.scope}/operations/{operation.id}"
    return Response(status_code=202, headers={"Operation-Location": place})


def _keys(ask: Ask) -> Any:
    service = ask.cloud.services.get(ask.path["name"])
    return {"primaryKey": service.primary_key, "secondaryKey": service.secondary_key}


def _regenerate(ask: Ask) -> Response:
    body = ask.body if isinstance(ask.body, dict) else {}
    ask.cloud.services.regenerate(ask.path["name"], str(body.get("keyType")), body.get("keyValue"))
    operation = ask.cloud.operations.create("Keys", f"services/{ask.path['name']}")
    ask.cloud.operations.succeed(operation.id)
    return accepted(ask, operation)


def _token(ask: Ask) -> Any:
    service = ask.cloud.services.get(ask.path["name"])
    if service.auth != "token":
        raise Refusal("TokenAuthNotEnabled", f"Service {service.name} does not take tokens.")
    now = int(time.time())
    return {
        "accessToken": ask.services.tokens.issue(
            f"service/{service.name}", valid_seconds=SCORING_VALID_SECONDS
        ),
        "tokenType": "Bearer",
        "refreshAfter": int(now + REFRESH_SECONDS),
        "expiryOn": int(now + SCORING_VALID_SECONDS),
    }


def _logs(ask: Ask) -> Any:
    service = ask.cloud.services.get(ask.path["name"])
    tail = int(ask.query["tail"]) if ask.query.get("tail", "").isdigit() else 5000
    if ask.query.get("init", "").lower() == "true":
        return {"content": ""}
    logs = {name: ask.services.deployments.log(service.name, name, tail) for name in service.versions}
    if service.kind != ENDPOINT:
        return {"content": logs[service.name]}
    return {"content": "".join(f"--- version {name}\n{log}" for name, log in logs.items())}


_SERVICES = f"{MANAGEMENT}/services"
_NAMED = f"{_SERVICES}/{{name}}"
ENDPOINTS = (
    Endpoint("POST", f"{_SERVICES}/validate/name/{{name}}", "services.validate", _validate_name),
    Endpoint("POST", f"{_SERVICES}/validate/resource", "services.validate", _validate_resource),
    Endpoint("POST", f"{_SERVICES}/validate", "services.validate", _validate),
    Endpoint("POST", _SERVICES, "services.create", _create),
    Endpoint("GET", _SERVICES, "services.get", _list),
    Endpoint("GET", _NAMED, "services.get", _get),
    Endpoint("PATCH", _NAMED, "services.update", _update),
    Endpoint("DELETE", _NAMED, "services.delete", _delete),
    Endpoint("POST", f"{_NAMED}/listkeys", "services.keys", _keys),
    Endpoint("POST", f"{_NAMED}/regenerateKeys", "services.regenerate", _regenerate),
    Endpoint("POST", f"{_NAMED}/token", "services.token", _token),
    Endpoint("GET", f"{_NAMED}/logs", "services.logs", _logs),
)
