"""Services and their versions as the model management service shows them.

azureml-core refuses an answer in which any of its `_expected_payload_keys` is missing; every one is here.
"""

from __future__ import annotations

from typing import Any

from toc_build.rehearsal.domain.records import Service, Version
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.services import ACI, AKS, ENDPOINT
from toc_build.rehearsal.wire.http import Ask
from toc_build.rehearsal.wire.v1.environments import without_passwords
from toc_build.rehearsal.wire.v1.models import model_payload


def service_payload(ask: Ask, service: Service) -> dict[str, Any]:
    """The whole service."""
    if service.kind == ENDPOINT:
        return _endpoint(ask, service)
    version = service.versions[service.name]
    return _single(ask, service, version)


def scoring_uri(ask: Ask, service: Service, version: str | None = None) -> str | None:
    """Where the service, or one version of an endpoint, is asked for scores; None until it has an address."""
    port = service.port
    if service.kind != ACI:
        cluster = next((item for item in ask.cloud.computes.list() if item.name == service.cluster), None)
        port = cluster.port if cluster else None
    if port is None:
        return None
    host = f"{'https' if service.tls else 'http'}://localhost:{port}"
    if service.kind == ACI:
        return f"{host}/score"
    if service.kind == AKS:
        return f"{host}/api/v1/service/{service.name}/score"
    return f"{host}/api/v1/endpoint/{service.name}/{f'versions/{version}/' if version else ''}score"


def _common(ask: Ask, service: Service, document: dict[str, Any]) -> dict[str, Any]:
    identity = ask.cloud.identity
    return {
        "name": service.name,
        "id": service.name,
        "description": document.get("description"),
        "kvTags": document.get("kvTags") or {},
        "properties": document.get("properties") or {},
        "createdTime": service.created,
        "updatedTime": service.updated,
        "createdBy": {
            "userObjectId": identity.client,
            "userTenantId": identity.tenant,
            "userName": "rehearsal",
        },
        "operationId": service.operation,
        "appInsightsEnabled": bool(document.get("appInsightsEnabled")),
        "authEnabled": service.auth == "key",
        "aadAuthEnabled": service.auth == "token",
        "imageId": None,
        "imageDigest": None,
    }


def _single(ask: Ask, service: Service, version: Version) -> dict[str, Any]:
    document = service.document
    base = {
        **_common(ask, service, document),
        "state": "Transitioning" if service.deleting else version.state,
        "error": version.error,
        "computeType": service.kind,
        "scoringUri": scoring_uri(ask, service) if version.state != "Failed" or version.serving else None,
        **_program(ask, version),
        "containerResourceRequirements": document["containerResourceRequirements"],
        "dataCollection": document.get("dataCollection"),
        "modelConfigMap": {},
    }
    if service.kind == ACI:
        return {
            **base,
            "location": document.get("location") or ask.cloud.identity.location,
            "publicIp": "127.0.0.1",
            "publicFqdn": None,
            "cname": document.get("cname"),
            "dnsNameLabel": document.get("dnsNameLabel"),
            "sslEnabled": service.tls,
            "sslCertificate": document.get("sslCertificate"),
            "sslKey": None,
            "vnetConfiguration": document.get("vnetConfiguration"),
            "encryptionProperties": document.get("encryptionProperties"),
        }
    return {**base, **_cluster_part(ask, service, version, document)}


def _cluster_part(ask: Ask, service: Service, version: Version, document: dict[str, Any]) -> dict[str, Any]:
    replicas = version.scorer.replicas
    scaler = dict(document["autoScaler"])
    scaler["autoscaleEnabled"] = bool(scaler["autoscaleEnabled"])
    return {
        "computeName": service.cluster,
        "namespace": document.get("namespace") or f"azureml-{ask.cloud.identity.workspace}",
        "numReplicas": replicas,
        "autoScaler": scaler,
        "livenessProbeRequirements": document["livenessProbeRequirements"],
        "maxConcurrentRequestsPerContainer": document["maxConcurrentRequestsPerContainer"],
        "maxQueueWaitMs": document["maxQueueWaitMs"],
        "scoringTimeoutMs": document["scoringTimeoutMs"],
        "isDefault": version.default,
        "trafficPercentile": version.traffic,
        "type": "Control" if version.control else "Treatment",
        "deploymentStatus": {
            "desiredReplicas": replicas,
            "availableReplicas": replicas if version.serving else 0,
            "updatedReplicas": replicas,
            "error": version.error,
        },
    }


def _program(ask: Ask, version: Version) -> dict[str, Any]:
    request = dict(version.document.get("environmentImageRequest") or {})
    request["environment"] = without_passwords(request.get("environment"))
    models = []
    for identity in version.scorer.models:
        try:
            models.append(model_payload(ask, ask.cloud.models.get(identity)))
        except Refusal:  # it was deleted behind the service's back
            continue
    return {"environmentImageRequest": request, "models": models}


def _endpoint(ask: Ask, service: Service) -> dict[str, Any]:
    document = service.document
    versions = {}
    for name, version in service.versions.items():
        kept = version.document
        versions[name] = {
            **_common(ask, service, kept),
            **_program(ask, version),
            **_cluster_part(ask, service, version, kept),
            "name": name,
            "createdTime": version.created,
            "state": version.state,
            "error": version.error,
            "computeType": AKS,
            "scoringUri": scoring_uri(ask, service, name),
            "containerResourceRequirements": kept["containerResourceRequirements"],
            "dataCollection": kept["dataCollection"],
        }
    return {
        **_common(ask, service, document),
        "state": "Transitioning" if service.deleting else service.state,
        "error": service.error,
        "computeType": ENDPOINT,
        "computeName": service.cluster,
        "namespace": document.get("namespace") or f"azureml-{ask.cloud.identity.workspace}",
        "scoringUri": scoring_uri(ask, service),
        "deploymentStatus": None,
        "versions": versions,
    }
