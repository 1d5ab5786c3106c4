"""Options of deploy.yml as they arrive at Azure: sent once, then nothing to do; changed, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from support.azure_place import Rehearsal, new_name, version

from toc_build.findings import Severity
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.plan import Effect
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end


@dataclass(frozen=True)
class Options:
    """Settings, what Azure must be sent of them, and the same for a change of some."""

    target: str
    settings: dict[str, Any]
    sent: dict[str, Any]
    changed: dict[str, Any]
    changed_sent: dict[str, Any]
    effect: Effect


SCALING = Options(
    "aks",
    {
        "replicas": None,
        "autoscale.min_replicas": 1,
        "autoscale.max_replicas": 4,
        "autoscale.target_utilization": 60,
        "autoscale.refresh_seconds": 5,
    },
    {
        "autoScaler": {
            "autoscaleEnabled": True,
            "minReplicas": 1,
            "maxReplicas": 4,
            "targetUtilization": 60,
            "refreshPeriodInSeconds": 5,
        }
    },
    {
        "autoscale.min_replicas": 2,
        "autoscale.max_replicas": 5,
        "autoscale.target_utilization": 80,
        "autoscale.refresh_seconds": 2,
    },
    {
        "autoScaler": {
            "autoscaleEnabled": True,
            "minReplicas": 2,
            "maxReplicas": 5,
            "targetUtilization": 80,
            "refreshPeriodInSeconds": 2,
        }
    },
    Effect.IN_PLACE,
)
FIXED = Options(
    "aks",
    SCALING.settings,
    SCALING.sent,
    {"replicas": 2, **dict.fromkeys(name for name in SCALING.settings if name != "replicas")},
    {"autoScaler.autoscaleEnabled": False, "numReplicas": 2},
    Effect.IN_PLACE,
)
NUMBERS = Options(
    "aks",
    {
        "cpu_cores": 0.3,
        "cpu_cores_limit": 0.6,
        "memory_gb": 0.5,
        "memory_gb_limit": 1.5,
        "scoring_timeout_ms": 20000,
        "max_concurrent_requests_per_container": 2,
        "max_queue_wait_ms": 900,
        "liveness.initial_delay_seconds": 100,
        "liveness.period_seconds": 11,
        "liveness.timeout_seconds": 3,
        "liveness.success_threshold": 2,
        "liveness.failure_threshold": 4,
        "enable_app_insights": True,
        "collect_model_data": True,
        "tags": {"team": "rivers"},
        "description": "litter in rivers",
        "workers": 2,
    },
    {
        "containerResourceRequirements": {
            "cpu": 0.3,
            "cpuLimit": 0.6,
            "memoryInGB": 0.5,
            "memoryInGBLimit": 1.5,
            "gpu": None,
        },
        "scoringTimeoutMs": 20000,
        "maxConcurrentRequestsPerContainer": 2,
        "maxQueueWaitMs": 900,
        "livenessProbeRequirements": {
            "initialDelaySeconds": 100,
            "periodSeconds": 11,
            "timeoutSeconds": 3,
            "successThreshold": 2,
            "failureThreshold": 4,
        },
        "appInsightsEnabled": True,
        "dataCollection.storageEnabled": True,
        "kvTags.team": "rivers",
        "description": "litter in rivers",
        "environmentImageRequest.environment.environmentVariables.WORKER_COUNT": "2",
    },
    {
        "cpu_cores": 0.2,
        "cpu_cores_limit": 0.5,
        "memory_gb": 0.4,
        "memory_gb_limit": 0.8,
        "scoring_timeout_ms": 10000,
        "max_concurrent_requests_per_container": 3,
        "max_queue_wait_ms": 700,
        "liveness.initial_delay_seconds": 50,
        "liveness.period_seconds": 5,
        "liveness.timeout_seconds": 4,
        "liveness.success_threshold": 1,
        "liveness.failure_threshold": 6,
        "enable_app_insights": False,
        "collect_model_data": False,
        "tags": {"team": "lakes"},
        "description": "litter in lakes",
        "workers": 1,
    },
    {
        "containerResourceRequirements.cpu": 0.2,
        "containerResourceRequirements.cpuLimit": 0.5,
        "containerResourceRequirements.memoryInGB": 0.4,
        "containerResourceRequirements.memoryInGBLimit": 0.8,
        "scoringTimeoutMs": 10000,
        "maxConcurrentRequestsPerContainer": 3,
        "maxQueueWaitMs": 700,
        "livenessProbeRequirements": {
            "initialDelaySeconds": 50,
            "periodSeconds": 5,
            "timeoutSeconds": 4,
            "successThreshold": 1,
            "failureThreshold": 6,
        },
        "appInsightsEnabled": False,
        "dataCollection.storageEnabled": False,
        "kvTags.team": "lakes",
        "description": "litter in lakes",
        "environmentImageRequest.environment.environmentVariables.WORKER_COUNT": "1",
    },
    Effect.INTERRUPTS,
)
TOKEN = Options(
    "aks",
    {"auth": "token", "namespace": "rivers"},
    {"aadAuthEnabled": True, "authEnabled": False, "namespace": "rivers", "computeName": "inference-ml"},
    {"auth": "key"},
    {"aadAuthEnabled": False, "authEnabled": True, "namespace": "rivers"},
    Effect.INTERRUPTS,
)
TO_TOKEN = Options(
    "aks",
    {"auth": "key"},
    {"aadAuthEnabled": False, "authEnabled": True},
    {"auth": "token", "namespace": "lakes"},
    {"aadAuthEnabled": True, "authEnabled": False, "namespace": "lakes"},
    Effect.INTERRUPTS,
)
GPU = Options(
    "aks",
    {"compute_target_name": "gpu-ml", "gpu_cores": 1},
    {"computeName": "gpu-ml", "containerResourceRequirements.gpu": 1},
    {"compute_target_name": "inference-ml", "gpu_cores": 0},
    {"computeName": "inference-ml", "containerResourceRequirements.gpu": None},
    Effect.INTERRUPTS,
)
WORDS = Options(
    "aks",
    {"description": "litter in rivers", "tags": {"team": "rivers"}},
    {"description": "litter in rivers", "kvTags.team": "rivers"},
    {"description": "litter in lakes", "tags": {}},
    {"description": "litter in lakes", "kvTags.team": None},
    Effect.IN_PLACE,
)
CONTAINER = Options(
    "aci",
    {
        "cpu_cores": 0.5,
        "memory_gb": 0.7,
        "location": "westeurope",
        "dns_name_label": "rivers-litter",
        "vnet_name": "vnet-1",
        "subnet_name": "scoring",
        "auth": "none",
        "enable_app_insights": True,
        "collect_model_data": True,
        "tags": {"team": "rivers"},
    },
    {
        "containerResourceRequirements": {"cpu": 0.5, "memoryInGB": 0.7},
        "location": "westeurope",
        "dnsNameLabel": "rivers-litter",
        "vnetConfiguration": {"vnetName": "vnet-1", "subnetName": "scoring"},
        "authEnabled": False,
        "appInsightsEnabled": True,
        "dataCollection.storageEnabled": True,
        "kvTags.team": "rivers",
    },
    {
        "location": "northeurope",
        "dns_name_label": "lakes-litter",
        "vnet_name": None,
        "subnet_name": None,
        "auth": "key",
        "enable_app_insights": False,
        "collect_model_data": False,
    },
    {
        "location": "northeurope",
        "dnsNameLabel": "lakes-litter",
        "vnetConfiguration": None,
        "authEnabled": True,
        "appInsightsEnabled": False,
    },
    Effect.INTERRUPTS,
)
CASES = {
    "scaling": SCALING,
    "fixed after scaling": FIXED,
    "numbers": NUMBERS,
    "token": TOKEN,
    "to token": TO_TOKEN,
    "gpu": GPU,
    "words": WORDS,
    "container": CONTAINER,
}


def part(document: Any, path: str) -> Any:
    """A value within a document by its path of keys; None where it ends."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_options(cheap: Rehearsal, options: Options) -> None:
    name, bundle = new_name("option"), cheap.bundle("one")
    make = cheap.aci if options.target == "aci" else cheap.aks

    def target(**changes: Any) -> AzureTarget:
        settings = {**options.settings, **changes}
        return make(name, **({"replicas": 1, **settings} if options.target == "aks" else settings))

    before = target().describe().settings
    for changes, expected in (({}, options.sent), (options.changed, options.changed_sent)):
        found = target(**changes)
        plan = found.plan(bundle)
        assert [one.what for one in plan.findings if one.severity is Severity.ERROR] == []
        if changes:
            told = {change.name: (change.old, change.new) for change in plan.changes}
            assert told == {key: (before.get(key), value) for key, value in changes.items()}
            assert options.effect in {change.effect for change in plan.changes}
        list(found.apply(bundle))
        document = cheap.sent("service", name)
        assert {path: part(document, path) for path in expected} == expected
        assert found.status().state is State.READY
        assert version(str(found.status().scoring_uri), found.headers()) == "one"
        assert found.plan(bundle).changes == ()
    list(found.delete())
