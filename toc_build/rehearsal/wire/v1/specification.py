"""What the public specification of the model management service requires of a request.

A compact reading of `modelManagement.json`, version 2020-09-23, in Azure/azure-rest-api-specs below
`specification/machinelearningservices/data-plane`: required fields and their kinds, for the requests that it
covers. Beyond it, an image request must name its driver and assets, without which nothing could run. Only
what is wrong for certain is refused; fields that the specification lacks pass, because azureml-core sends
newer ones.
"""

from __future__ import annotations

from typing import Any

from toc_build.rehearsal.domain.refusals import Refusal

_NUMBER, _WHOLE, _TEXT, _FLAG, _OBJECT, _LIST = (
    (int, float),
    (int,),
    (str,),
    (bool,),
    (dict,),
    (list,),
)
_REQUIRED = ("name", "computeType")
_FIELDS: dict[str, tuple[type, ...]] = {
    "name": _TEXT,
    "description": _TEXT,
    "kvTags": _OBJECT,
    "properties": _OBJECT,
    "keys": _OBJECT,
    "computeType": _TEXT,
    "environmentImageRequest": _OBJECT,
    "location": _TEXT,
    "authEnabled": _FLAG,
    "aadAuthEnabled": _FLAG,
    "sslEnabled": _FLAG,
    "appInsightsEnabled": _FLAG,
    "containerResourceRequirements": _OBJECT,
    "dataCollection": _OBJECT,
    "sslCertificate": _TEXT,
    "sslKey": _TEXT,
    "cname": _TEXT,
    "dnsNameLabel": _TEXT,
    "numReplicas": _WHOLE,
    "computeName": _TEXT,
    "namespace": _TEXT,
    "autoScaler": _OBJECT,
    "livenessProbeRequirements": _OBJECT,
    "maxConcurrentRequestsPerContainer": _WHOLE,
    "maxQueueWaitMs": _WHOLE,
    "scoringTimeoutMs": _WHOLE,
}
_INNER: dict[str, dict[str, tuple[type, ...]]] = {
    "containerResourceRequirements": {
        "cpu": _NUMBER,
        "cpuLimit": _NUMBER,
        "memoryInGB": _NUMBER,
        "memoryInGBLimit": _NUMBER,
        "gpu": _WHOLE,
    },
    "autoScaler": {
        "autoscaleEnabled": _FLAG,
        "minReplicas": _WHOLE,
        "maxReplicas": _WHOLE,
        "targetUtilization": _WHOLE,
        "refreshPeriodInSeconds": _WHOLE,
    },
    "livenessProbeRequirements": {
        "initialDelaySeconds": _WHOLE,
        "periodSeconds": _WHOLE,
        "failureThreshold": _WHOLE,
        "successThreshold": _WHOLE,
        "timeoutSeconds": _WHOLE,
    },
    "dataCollection": {"storageEnabled": _FLAG, "eventHubEnabled": _FLAG},
    "environmentImageRequest": {
        "driverProgram": _TEXT,
        "assets": _LIST,
        "modelIds": _LIST,
        "environment": _OBJECT,
    },
}
_IMAGE_REQUIRED = ("driverProgram", "assets")


def check_create(body: Any) -> None:
    """Refuses a create request of a service that the specification does not allow.

    Raises:
        Refusal: which field is missing or of another kind.
    """
    if not isinstance(body, dict):
        raise Refusal("ValidationError", "The request content is missing.")
    missing = [name for name in _REQUIRED if not body.get(name)]
    wrong = _wrong(body, _FIELDS, "")
    for name, fields in _INNER.items():
        if isinstance(body.get(name), dict):
            wrong += _wrong(body[name], fields, f"{name}.")
    request = body.get("environmentImageRequest")
    if isinstance(request, dict):
        missing += [f"environmentImageRequest.{name}" for name in _IMAGE_REQUIRED if not request.get(name)]
        for number, asset in enumerate(request.get("assets") or []):
            if not isinstance(asset, dict) or not all(asset.get(name) for name in ("id", "url", "mimeType")):
                missing.append(f"environmentImageRequest.assets[{number}] (id, url, mimeType)")
    if missing or wrong:
        told = [f"required: {', '.join(missing)}"] if missing else []
        told += [f"not of the specified kind: {', '.join(wrong)}"] if wrong else []
        raise Refusal("ValidationError", f"The request is not as specified; {'; '.join(told)}.")


def _wrong(values: dict[str, Any], fields: dict[str, tuple[type, ...]], prefix: str) -> list[str]:
    found = []
    for name, kinds in fields.items():
        value = values.get(name)
        if value is None:
            continue
        flag = isinstance(value, bool)
        if not isinstance(value, kinds) or (flag and bool not in kinds):
            found.append(f"{prefix}{name}")
    return found
