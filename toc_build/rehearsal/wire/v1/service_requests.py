"""Reads what a client asks of a service: the request's document, its defaults, and the scorer it describes.

Defaults: the parameters' descriptions of `AciWebservice.deploy_configuration` and
`AksWebservice.deploy_configuration` in azureml-core 1.61.
"""

from __future__ import annotations

import copy
from typing import Any

from toc_build.rehearsal.domain import names
from toc_build.rehearsal.domain.clock import iso
from toc_build.rehearsal.domain.records import CodeAsset, Scorer, Service, Version
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.services import ACI, AKS, ENDPOINT, KINDS
from toc_build.rehearsal.wire.http import Ask, text, words
from toc_build.rehearsal.wire.v1.environments import definition_of
from toc_build.rehearsal.wire.v1.specification import check_create

_ARTIFACT = "aml://artifact/"
_RESOURCES = {"cpu": 0.1, "memoryInGB": 0.5}
_AKS_RESOURCES = {**_RESOURCES, "cpuLimit": None, "memoryInGBLimit": None, "gpu": None}
_SCALER = {
    "autoscaleEnabled": None,
    "minReplicas": 1,
    "maxReplicas": 10,
    "targetUtilization": 70,
    "refreshPeriodInSeconds": 1,
}
_PROBE = {
    "periodSeconds": 10,
    "initialDelaySeconds": 310,
    "timeoutSeconds": 2,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_NUMBERS = {"maxConcurrentRequestsPerContainer": 1, "maxQueueWaitMs": 500, "scoringTimeoutMs": 60_000}
_COLLECTION = {"eventHubEnabled": False, "storageEnabled": False}


def read_service(ask: Ask, body: Any, *, checked: bool = True) -> Service:
    """The service that a create request describes; kept nowhere yet.

    Args:
        ask: the request.
        body: its content.
        checked: whether the name must be free.

    Raises:
        Refusal: what is wrong with it.
    """
    check_create(body)
    services = ask.cloud.services
    name, kind = text(body.get("name"), "name"), str(body.get("computeType") or "").upper()
    if kind not in KINDS:
        raise Refusal(
            "InvalidComputeType", f"Services of type {kind!r} are not rehearsed: {', '.join(KINDS)} are."
        )
    if checked:
        services.check_name(name)
    names.check_service(name)
    if label := body.get("dnsNameLabel"):
        names.check_dns_label(str(label))
    if namespace := body.get("namespace"):
        names.check_namespace(str(namespace))
    keys = body.get("keys") or {}
    auth = auth_of(body, default="none" if kind == ACI else "key")
    service = services.new(
        name, kind, auth, primary=keys.get("primaryKey"), secondary=keys.get("secondaryKey")
    )
    service.document = _kept(body)
    service.tls = bool(body.get("sslEnabled"))
    if kind != ENDPOINT:
        service.cluster = body.get("computeName")
        settle(service)
        service.versions[name] = new_version(ask, service, name, service.document)
    else:
        for version, content in (body.get("versions") or {}).items():
            service.cluster = service.cluster or content.get("computeName") or body.get("computeName")
            add_version(ask, service, str(version), content)
        if not service.versions:
            raise Refusal("ValidationError", "An endpoint needs a version.")
        only = next(iter(service.versions.values()))
        only.default = only.control = True
        service.document["versions"] = {}
    return service


def auth_of(document: dict[str, Any], *, default: str) -> str:
    """How a client shows who it is: `key`, `token` or `none`.

    Raises:
        Refusal: both are asked for.
    """
    key, token = document.get("authEnabled"), document.get("aadAuthEnabled")
    if key and token:
        raise Refusal("ValidationError", "Key and token authentication cannot both be on.")
    if token:
        return "token"
    if key is None:
        return default
    return "key" if key else "none"


def settle(service: Service, document: dict[str, Any] | None = None) -> None:
    """Fills in what the request leaves open."""
    into = service.document if document is None else document
    if service.kind == ACI:
        _fill(into, {"containerResourceRequirements": _RESOURCES, "dataCollection": None})
        return
    parts = {
        "containerResourceRequirements": _AKS_RESOURCES,
        "autoScaler": _SCALER,
        "livenessProbeRequirements": _PROBE,
        "dataCollection": _COLLECTION,
        **_NUMBERS,
    }
    _fill(into, parts)


def add_version(ask: Ask, service: Service, name: str, content: Any) -> Version:
    """Puts a new version into an endpoint.

    Raises:
        Refusal: what is wrong with it.
    """
    names.check_service(name)
    if not isinstance(content, dict):
        raise Refusal("ValidationError", f"The version {name} is not described.")
    document = _kept(content)
    settle(service, document)
    version = new_version(ask, service, name, document)
    version.traffic = int(content.get("trafficPercentile") or 0)
    version.default, version.control = bool(content.get("isDefault")), content.get("type") == "Control"
    service.versions[name] = version
    return version


def new_version(ask: Ask, service: Service, name: str, document: dict[str, Any]) -> Version:
    """A version from its document, checked against where it is to run.

    Raises:
        Refusal: what is wrong with it.
    """
    version = Version(name, scorer_of(ask, service, document), iso(ask.cloud.clock()), document=document)
    check_version(ask, service, version)
    return version


def check_version(ask: Ask, service: Service, version: Version) -> None:
    """Refuses a version that cannot run where it is to run.

    Raises:
        Refusal: why.
    """
    scaler = version.document.get("autoScaler") or {}
    autoscale = scaler.get("autoscaleEnabled") is True
    if autoscale and scaler.get("targetUtilization") and not 0 < scaler["targetUtilization"] <= 100:
        raise Refusal("ValidationError", "targetUtilization must be 1 to 100.")
    ask.cloud.services.check_scorer(service, version.scorer, autoscale=autoscale)


def scorer_of(ask: Ask, service: Service, document: dict[str, Any]) -> Scorer:
    """The scorer that a document describes.

    Raises:
        Refusal: it describes none.
    """
    request = document.get("environmentImageRequest")
    if not isinstance(request, dict):
        raise Refusal(
            "ValidationError", "The environmentImageRequest field is required: images are not rehearsed."
        )
    environment = definition_of(ask, request.get("environment"))
    code = []
    for asset in request.get("assets") or []:
        url = str(asset.get("url") or "")
        if not url.startswith(_ARTIFACT):
            raise Refusal("ValidationError", f"The asset's url {url!r} does not name an artifact.")
        code.append(CodeAsset(url.removeprefix(_ARTIFACT), bool(asset.get("unpack"))))
    entry = environment.variables.get("AZUREML_ENTRY_SCRIPT") or str(request.get("driverProgram") or "")
    resources = document.get("containerResourceRequirements") or {}
    return Scorer(
        code=code,
        entry_script=text(entry, "driverProgram"),
        models=[str(model) for model in request.get("modelIds") or []],
        environment=environment,
        replicas=_replicas(service, document),
        concurrency=int(document.get("maxConcurrentRequestsPerContainer") or 1) if service.kind != ACI else 0,
        timeout_ms=int(document.get("scoringTimeoutMs") or 60_000),
        queue_ms=int(document.get("maxQueueWaitMs") or 500),
        cpu=_number(resources.get("cpu"), 0.1, "cpu"),
        gpu=int(resources.get("gpu") or 0),
        memory_gb=_number(resources.get("memoryInGB"), 0.5, "memoryInGB"),
    )


def _replicas(service: Service, document: dict[str, Any]) -> int:
    if service.kind == ACI:
        return 1
    scaler = document.get("autoScaler") or {}
    if scaler.get("autoscaleEnabled"):
        return int(scaler.get("minReplicas") or 1)
    return int(document.get("numReplicas") or scaler.get("minReplicas") or 1)


def _number(value: Any, default: float, name: str) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise Refusal("ValidationError", f"{name} must be a number above zero.")
    return float(value)


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    """What of a request is kept as it was sent: all but its secrets and what only the request means."""
    kept = copy.deepcopy(body)
    for name in ("keys", "sslKey", "overwrite"):
        kept.pop(name, None)
    kept["kvTags"] = words(kept.get("kvTags"), "kvTags")
    kept["properties"] = words(kept.get("properties"), "properties")
    return kept


def _fill(document: dict[str, Any], parts: dict[str, Any]) -> None:
    for name, default in parts.items():
        given = document.get(name)
        if isinstance(default, dict):
            given = given if isinstance(given, dict) else {}
            document[name] = {**default, **{key: value for key, value in given.items() if value is not None}}
        elif given is None:
            document[name] = default


__all__ = ["AKS", "add_version", "auth_of", "check_version", "read_service", "scorer_of", "settle"]
