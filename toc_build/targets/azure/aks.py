"""The kind `aks`: replicas on a Kubernetes cluster that is attached to the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toc_build.repository.target_schema import AksTarget
from toc_build.targets.azure.kind import AROUND, Settings
from toc_build.targets.plan import Cost, Effect, Needs

_ANEW = frozenset({"compute_target_name", "namespace", "versions"})
# Settings that the SDK can raise but not take back to nothing: it leaves out what is 0.
_PROBE = (
    "period_seconds",
    "initial_delay_seconds",
    "timeout_seconds",
    "success_threshold",
    "failure_threshold",
)


class Aks:
    """Replicas on a cluster: for production."""

    name = "aks"
    cost = Cost.SHARED

    @staticmethod
    def settings(section: AksTarget) -> dict[str, Any]:
        """The section of `deploy.yml`, its references replaced, as settings."""
        scale = section.autoscale
        return {
            "compute_target_name": section.compute_target_name,
            "namespace": section.namespace,
            "versions": section.versions,
            "replicas": section.fixed_replicas,
            "autoscale.min_replicas": scale.min_replicas if scale else None,
            "autoscale.max_replicas": scale.max_replicas if scale else None,
            "autoscale.target_utilization": scale.target_utilization if scale else None,
            "autoscale.refresh_seconds": scale.refresh_seconds if scale else None,
            "cpu_cores": float(section.cpu_cores),
            "cpu_cores_limit": _float(section.cpu_cores_limit),
            "memory_gb": float(section.memory_gb),
            "memory_gb_limit": _float(section.memory_gb_limit),
            "gpu_cores": section.gpu_cores,
            "auth": section.auth,
            "scoring_timeout_ms": section.scoring_timeout_ms,
            "max_concurrent_requests_per_container": section.max_concurrent_requests_per_container,
            "max_queue_wait_ms": section.max_queue_wait_ms,
            **{f"liveness.{name}": getattr(section.liveness, name) for name in _PROBE},
            "enable_app_insights": section.enable_app_insights,
            "collect_model_data": section.collect_model_data,
            "tags": dict(section.tags),
        }

    def wire(self, settings: Settings) -> str:
        """An endpoint with versions, or a plain service."""
        return "AKSENDPOINT" if settings.get("versions") else "AKS"

    def where(self, settings: Settings) -> str:
        """The cluster."""
        return f"the cluster {settings['compute_target_name']}"

    def configuration(self, settings: Settings, *, update: bool, candidate: bool) -> dict[str, Any]:
        """The SDK's arguments; a candidate is one replica."""
        fixed = settings["replicas"]
        values: dict[str, Any] = {
            "cpu_cores": settings["cpu_cores"],
            "cpu_cores_limit": settings["cpu_cores_limit"],
            "memory_gb": settings["memory_gb"],
            "memory_gb_limit": settings["memory_gb_limit"],
            "gpu_cores": settings["gpu_cores"] or None,
            "auth_enabled": settings["auth"] == "key",
            "token_auth_enabled": settings["auth"] == "token",
            "scoring_timeout_ms": settings["scoring_timeout_ms"],
            "replica_max_concurrent_requests": settings["max_concurrent_requests_per_container"],
            "max_request_wait_time": settings["max_queue_wait_ms"],
            **{name: settings[f"liveness.{name}"] for name in _PROBE},
            "enable_app_insights": settings["enable_app_insights"],
            "collect_model_data": settings["collect_model_data"],
        }
        if candidate:
            values.update(autoscale_enabled=False, num_replicas=1)
        elif fixed is not None:
            values.update(autoscale_enabled=False, num_replicas=fixed)
        else:
            values.update(
                autoscale_enabled=True,
                autoscale_min_replicas=settings["autoscale.min_replicas"],
                autoscale_max_replicas=settings["autoscale.max_replicas"],
                autoscale_target_utilization=settings["autoscale.target_utilization"],
                autoscale_refresh_seconds=settings["autoscale.refresh_seconds"],
            )
        if not update:
            values["namespace"] = settings["namespace"]
        return values

    def compute(self, settings: Settings) -> str | None:
        """The cluster's name in the workspace."""
        return str(settings["compute_target_name"])

    def seen(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What Azure says of the service: resources, replicas, cluster, authentication."""
        found: dict[str, Any] = {}
        resources = payload.get("containerResourceRequirements") or {}
        for name, key in (("cpu_cores", "cpu"), ("memory_gb", "memoryInGB")):
            if resources.get(key) is not None:
                found[name] = float(resources[key])
        if payload.get("computeName"):
            found["compute_target_name"] = payload["computeName"]
        scaler = payload.get("autoScaler") or {}
        if scaler.get("autoscaleEnabled"):
            found["replicas"] = None
        elif payload.get("numReplicas"):
            found["replicas"] = payload["numReplicas"]
        if payload.get("aadAuthEnabled"):
            found["auth"] = "token"
        elif payload.get("authEnabled") is not None:
            found["auth"] = "key" if payload["authEnabled"] else "none"
        return found

    def made_anew(self, names: frozenset[str]) -> bool:
        """A service stays on its cluster, in its namespace."""
        return bool(names & _ANEW)

    def effect(self, name: str, settings: Settings) -> Effect | tuple[Effect, str]:
        """Kubernetes replaces replica by replica; with one replica there may be a gap."""
        if name in AROUND:
            return Effect.IN_PLACE
        if name in _ANEW:
            return Effect.INTERRUPTS, "the service is made anew there"
        if name == "replicas" or name.startswith("autoscale."):
            return Effect.IN_PLACE, "replicas are added or taken away"
        fewest = settings.get("replicas") or settings.get("autoscale.min_replicas") or 1
        if fewest < 2 and not settings.get("versions"):
            return Effect.INTERRUPTS, "one replica: with two or more, requests are answered throughout"
        return Effect.REPLACES

    def needs(self, settings: Settings) -> Needs:
        """The most replicas that there may be."""
        return Needs(
            cores=settings["cpu_cores"],
            memory_gb=settings["memory_gb"],
            replicas=settings["replicas"] or settings["autoscale.max_replicas"],
            gpus=settings["gpu_cores"],
        )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
