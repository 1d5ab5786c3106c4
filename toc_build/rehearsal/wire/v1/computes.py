"""Compute targets: read through the workspace's own address, made and removed through Resource Manager's."""

from __future__ import annotations

import threading
import time
from typing import Any

from starlette.responses import JSONResponse, Response

from toc_build.rehearsal.domain.computes import DEFAULT_NODES, DEFAULT_VM_SIZE
from toc_build.rehearsal.domain.records import Cluster
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.wire.http import Ask, Endpoint, words
from toc_build.rehearsal.wire.v1.operations import until_done
from toc_build.rehearsal.wire.v1.signin import WORKSPACE

_PURPOSES = {"FastProd": True, "DenseProd": True, "DevTest": False}
_ASYNC = f"{WORKSPACE}/rehearsed-operations/{{operation}}"
CREATION_SECONDS = 1.0  # 10 to 20 minutes on Azure


def _payload(ask: Ask, cluster: Cluster) -> dict[str, Any]:
    kept = cluster.document
    details: dict[str, Any] | None = None
    if cluster.kind == "AKS":
        ssl = dict(kept.get("sslConfiguration") or {})
        ssl.pop("key", None)  # a private key is never given back
        details = {
            "agentVmSize": cluster.vm_size,
            "agentCount": cluster.nodes,
            "clusterPurpose": "FastProd" if cluster.production else "DevTest",
            "clusterFqdn": f"{cluster.name}.rehearsal.invalid",
            "systemServices": [
                {"systemServiceType": "ScoringFrontEnd", "version": "1.0", "publicIpAddress": "127.0.0.1"}
            ],
            "sslConfiguration": ssl or None,
            "loadBalancerType": kept.get("loadBalancerType") or "PublicIp",
            "loadBalancerSubnet": kept.get("loadBalancerSubnet"),
            "aksNetworkingConfiguration": kept.get("aksNetworkingConfiguration"),
        }
    return {
        "id": f"{ask.scope}/computes/{cluster.name}",
        "name": cluster.name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": ask.cloud.identity.location,
        "tags": kept.get("tags") or {},
        "properties": {
            "computeType": cluster.kind,
            "computeLocation": cluster.location,
            "description": None,
            "createdOn": cluster.created,
            "modifiedOn": cluster.created,
            "resourceId": cluster.resource,
            "provisioningState": cluster.state,
            "provisioningErrors": cluster.errors or None,
            "isAttachedCompute": cluster.attached,
            "properties": details,
        },
    }


def _list(ask: Ask) -> Any:
    return {"value": [_payload(ask, cluster) for cluster in ask.cloud.computes.list()]}


def _get(ask: Ask) -> Any:
    return _payload(ask, ask.cloud.computes.get(ask.path["name"]))


def _create(ask: Ask) -> Response:
    body = ask.body if isinstance(ask.body, dict) else {}
    properties = body.get("properties") or {}
    details = properties.get("properties") or {}
    kind = str(properties.get("computeType") or "")
    if kind != "AKS":
        raise Refusal(
            "ComputeTypeNotRehearsed", f"The rehearsal makes AKS clusters only, not {kind or 'that'}."
        )
    purpose = str(details.get("clusterPurpose") or "FastProd")
    if purpose not in _PURPOSES:
        raise Refusal(
            "InvalidClusterPurpose", f"There is no purpose {purpose!r}: {', '.join(_PURPOSES)} are."
        )
    name, resource = ask.path["name"], str(properties.get("resourceId") or "")
    existing = next((item for item in ask.cloud.computes.list() if item.name.lower() == name.lower()), None)
    before = existing or Cluster(name, kind, "", "", vm_size=DEFAULT_VM_SIZE, nodes=DEFAULT_NODES)
    cluster = Cluster(
        before.name,
        kind,
        location=str(properties.get("computeLocation") or before.location or ask.cloud.identity.location),
        created=before.created,
        vm_size=str(details.get("agentVmSize") or before.vm_size),
        nodes=int(details.get("agentCount") or before.nodes),
        production=_PURPOSES[purpose] if "clusterPurpose" in details else before.production,
        state="Creating",
        resource=resource or before.resource or _resource(ask, name),
        attached=bool(resource) or before.attached,
        port=before.port,
        document={**before.document, **details, "tags": words(body.get("tags"), "tags")},
    )
    ask.cloud.computes.create(cluster)
    operation = ask.cloud.operations.create("Compute", f"computes/{name}")

    def finish() -> None:
        time.sleep(CREATION_SECONDS)
        cluster.state = "Succeeded"
        ask.cloud.computes.save(cluster)
        ask.cloud.operations.succeed(operation.id)

    threading.Thread(target=finish, name=f"compute-{name}", daemon=True).start()
    return _accepted(ask, operation.id, _payload(ask, cluster), 201)


def _delete(ask: Ask) -> Response:
    cluster = ask.cloud.computes.get(ask.path["name"])
    users = [service.name for service in ask.cloud.services.list() if service.cluster == cluster.name]
    if users:
        raise Refusal(
            "ComputeInUse",
            f"The cluster {cluster.name} runs services: {', '.join(users)}. Delete these first.",
            409,
        )
    ask.cloud.computes.delete(cluster.name)
    operation = ask.cloud.operations.create("Compute", f"computes/{cluster.name}")
    ask.cloud.operations.succeed(operation.id)
    return _accepted(ask, operation.id, None, 202)


def _keys(ask: Ask) -> Any:
    cluster = ask.cloud.computes.get(ask.path["name"])
    return {
        "computeType": cluster.kind,
        "userKubeConfig": "",
        "adminKubeConfig": "",
        "imagePullSecretName": "rehearsal",
    }


async def _operation(ask: Ask) -> Any:
    operation = await until_done(ask)
    status = {"Running": "InProgress", "NotStarted": "InProgress", "Cancelled": "Canceled"}
    return {"status": status.get(operation.state, operation.state), "error": operation.error}


def _accepted(ask: Ask, operation: str, body: Any, status: int) -> Response:
    place = f"{ask.services.base}{ask.scope}/rehearsed-operations/{operation}?api-version=2020-02-02"
    headers = {"Azure-AsyncOperation": place, "Location": place, "Retry-After": "1"}
    return JSONResponse(body or {}, status_code=status, headers=headers)


def _resource(ask: Ask, name: str) -> str:
    identity = ask.cloud.identity
    return (
        f"/subscriptions/{identity.subscription}/resourceGroups/{identity.resource_group}"
        f"/providers/Microsoft.ContainerService/managedClusters/{name}"
    )


_ARM = f"{WORKSPACE}/computes"
_READ = f"/rp/workspaces{_ARM}"
ENDPOINTS = (
    Endpoint("GET", _READ, "computes.get", _list, arm=True),
    Endpoint("GET", f"{_READ}/{{name}}", "computes.get", _get, arm=True),
    Endpoint("GET", _ARM, "computes.get", _list, arm=True),
    Endpoint("GET", f"{_ARM}/{{name}}", "computes.get", _get, arm=True),
    Endpoint("PUT", f"{_ARM}/{{name}}", "computes.create", _create, arm=True),
    Endpoint("DELETE", f"{_ARM}/{{name}}", "computes.delete", _delete, arm=True),
    Endpoint("POST", f"{_ARM}/{{name}}/listKeys", "computes.get", _keys, arm=True),
    Endpoint("GET", _ASYNC, "operations.get", _operation, arm=True),
)
