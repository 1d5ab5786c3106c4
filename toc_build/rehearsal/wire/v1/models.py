"""The model management service's assets and models."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from toc_build.rehearsal.domain.records import Model
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.wire.http import Ask, Endpoint, text, words
from toc_build.rehearsal.wire.v1.patches import apply_patch
from toc_build.rehearsal.wire.v1.signin import WORKSPACE

MANAGEMENT = f"/modelmanagement/v1.0{WORKSPACE}"
_ASSET = "aml://asset/"


def model_payload(ask: Ask, model: Model) -> dict[str, Any]:
    """A model as the service shows it."""
    identity = ask.cloud.identity
    kept = model.document
    return {
        "id": model.id,
        "name": model.name,
        "version": model.version,
        "framework": kept.get("framework"),
        "frameworkVersion": kept.get("frameworkVersion"),
        "datasets": kept.get("datasets") or [],
        "url": f"{_ASSET}{model.asset}",
        "mimeType": kept.get("mimeType") or "application/json",
        "description": model.description,
        "createdTime": model.created,
        "modifiedTime": model.created,
        "unpack": bool(kept.get("unpack")),
        "parentModelId": None,
        "runId": kept.get("runId"),
        "experimentName": kept.get("experimentName"),
        "kvTags": model.tags,
        "tags": model.tags,
        "properties": model.properties,
        "derivedModelIds": [],
        "sampleInputData": kept.get("sampleInputData"),
        "sampleOutputData": kept.get("sampleOutputData"),
        "resourceRequirements": kept.get("resourceRequirements"),
        "createdBy": {
            "userObjectId": identity.client,
            "userTenantId": identity.tenant,
            "userName": "rehearsal",
        },
    }


def _create_asset(ask: Ask) -> Any:
    body = ask.body if isinstance(ask.body, dict) else {}
    text(body.get("name"), "name")
    if not body.get("artifacts"):
        raise Refusal("ValidationError", "The artifacts field is required.")
    return ask.cloud.models.create_asset(body)


def _get_asset(ask: Ask) -> Any:
    return ask.cloud.models.asset(ask.path["asset"])


def _register(ask: Ask) -> Any:
    body = ask.body if isinstance(ask.body, dict) else {}
    url = text(body.get("url"), "url")
    if not url.startswith(_ASSET):
        raise Refusal("InvalidModelUrl", f"The url {url!r} does not name an asset.")
    asset = ask.cloud.models.asset(url.removeprefix(_ASSET))
    content = [str(item.get("prefix") or item.get("id")) for item in asset["artifacts"]]
    model = ask.cloud.models.register(
        text(body.get("name"), "name"),
        content,
        asset["id"],
        tags=words(body.get("kvTags"), "kvTags"),
        properties=words(body.get("properties"), "properties"),
        description=body.get("description"),
        document={
            key: body.get(key)
            for key in (
                "framework",
                "frameworkVersion",
                "datasets",
                "mimeType",
                "unpack",
                "runId",
                "experimentName",
                "sampleInputData",
                "sampleOutputData",
                "resourceRequirements",
            )
        },
    )
    return model_payload(ask, model)


def _get(ask: Ask) -> Any:
    return model_payload(ask, ask.cloud.models.get(ask.path["model"]))


def _list(ask: Ask) -> Any:
    latest = ask.query.get("latestVersionOnly", "").lower() == "true"
    found = ask.cloud.models.list(ask.query.get("name"), latest=latest)
    if framework := ask.query.get("framework"):
        found = [model for model in found if model.document.get("framework") == framework]
    if run := ask.query.get("runId"):
        found = [model for model in found if model.document.get("runId") == run]
    for query, of in (("tags", "tags"), ("tag", "tags"), ("properties", "properties")):
        if wanted := ask.query.get(query):
            found = [model for model in found if matches(wanted, getattr(model, of))]
    count = int(ask.query["count"]) if ask.query.get("count", "").isdigit() else 255
    first = int(ask.query["skipToken"]) if ask.query.get("skipToken", "").isdigit() else 0
    page = [model_payload(ask, model) for model in found[first : first + count]]
    answer: dict[str, Any] = {"value": page}
    if first + count < len(found):
        rest = "&".join(f"{key}={value}" for key, value in ask.query.items() if key != "skipToken")
        answer["nextLink"] = f"{ask.services.base}{ask.request.url.path}?{rest}&skipToken={first + count}"
    return answer


def matches(wanted: str, has: dict[str, str]) -> bool:
    """Whether tags or properties hold what a query such as `stage=test,team` asks for."""
    for item in wanted.split(","):
        name, equals, value = item.partition("=")
        if name not in has or (equals and has[name] != value):
            return False
    return True


def _update(ask: Ask) -> Any:
    model = ask.cloud.models.get(ask.path["model"])
    document = apply_patch(model_payload(ask, model), ask.body)
    model.tags = words(document.get("kvTags"), "kvTags")
    model.properties = {**words(document.get("properties"), "properties"), **model.properties}
    model.description = document.get("description")
    model.document = {**model.document, **{key: document.get(key) for key in model.document}}
    ask.cloud.models.save(model)
    return model_payload(ask, model)


def _delete(ask: Ask) -> Response:
    identity = ask.path["model"]
    users = [
        service.name
        for service in ask.cloud.services.list()
        for version in service.versions.values()
        if identity in version.scorer.models
    ]
    if users:
        message = f"The model {identity} is used by: {', '.join(sorted(set(users)))}. Delete these first."
        raise Refusal("DeletionRequired", message, 412)
    return Response(status_code=200 if ask.cloud.models.delete(identity) else 204)


ENDPOINTS = (
    Endpoint("POST", f"{MANAGEMENT}/assets", "assets.create", _create_asset),
    Endpoint("GET", f"{MANAGEMENT}/assets/{{asset}}", "models.get", _get_asset),
    Endpoint("POST", f"{MANAGEMENT}/models", "models.create", _register),
    Endpoint("GET", f"{MANAGEMENT}/models", "models.get", _list),
    Endpoint("GET", f"{MANAGEMENT}/models/{{model}}", "models.get", _get),
    Endpoint("PATCH", f"{MANAGEMENT}/models/{{model}}", "models.update", _update),
    Endpoint("DELETE", f"{MANAGEMENT}/models/{{model}}", "models.delete", _delete),
)
