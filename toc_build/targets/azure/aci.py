"""The kind `aci`: one container in Azure Container Instances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toc_build.repository.target_schema import AciTarget
from toc_build.targets.azure.kind import AROUND, Settings
from toc_build.targets.plan import Cost, Effect, Needs

_ANEW = frozenset(
    {"cpu_cores", "memory_gb", "location", "dns_name_label", "vnet_name", "subnet_name", "collect_model_data"}
)


class Aci:
    """One container: for trying out, and for small loads.

    Args:
        root: the folder that the certificate's files are relative to.
    """

    name = "aci"
    cost = Cost.METERED

    def __init__(self, root: Path = Path()) -> None:
        self._root = root

    @staticmethod
    def settings(section: AciTarget) -> dict[str, Any]:
        """The section of `deploy.yml`, its references replaced, as settings."""
        ssl = section.ssl
        return {
            "cpu_cores": float(section.cpu_cores),
            "memory_gb": float(section.memory_gb),
            "location": section.location,
            "dns_name_label": section.dns_name_label,
            "vnet_name": section.vnet_name,
            "subnet_name": section.subnet_name,
            "auth": "key" if section.auth_enabled else "none",
            "ssl.cname": ssl.cname if ssl else None,
            "ssl.cert_pem_file": ssl.cert_pem_file if ssl else None,
            "ssl.key_pem_file": ssl.key_pem_file if ssl else None,
            "enable_app_insights": section.enable_app_insights,
            "collect_model_data": section.collect_model_data,
            "tags": dict(section.tags),
        }

    def wire(self, settings: Settings) -> str:
        """Azure's name of it."""
        del settings
        return "ACI"

    def where(self, settings: Settings) -> str:
        """The region."""
        return f"Azure Container Instances, {settings.get('location') or 'the region of the workspace'}"

    def configuration(self, settings: Settings, *, update: bool, candidate: bool) -> dict[str, Any]:
        """The SDK's arguments; a candidate has neither the host name nor the certificate, which are taken."""
        ssl = settings.get("ssl.cname") if not candidate else None
        values: dict[str, Any] = {
            "auth_enabled": settings["auth"] == "key",
            "enable_app_insights": settings["enable_app_insights"],
            "ssl_enabled": bool(ssl),
        }
        if ssl:
            values.update(
                ssl_cname=ssl,
                ssl_cert_pem_file=str(self._root / settings["ssl.cert_pem_file"]),
                ssl_key_pem_file=str(self._root / settings["ssl.key_pem_file"]),
            )
        if update:
            return values
        for name in ("cpu_cores", "memory_gb", "location", "vnet_name", "subnet_name", "collect_model_data"):
            values[name] = settings[name]
        if not candidate:
            values["dns_name_label"] = settings["dns_name_label"]
        return values

    def compute(self, settings: Settings) -> str | None:
        """None: there is no cluster."""
        del settings
        return None

    def seen(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Cores, memory, authentication and Application Insights, as Azure says them."""
        found: dict[str, Any] = {}
        resources = payload.get("containerResourceRequirements") or {}
        if resources.get("cpu") is not None:
            found["cpu_cores"] = float(resources["cpu"])
        if resources.get("memoryInGB") is not None:
            found["memory_gb"] = float(resources["memoryInGB"])
        if payload.get("authEnabled") is not None:
            found["auth"] = "key" if payload["authEnabled"] else "none"
        if payload.get("appInsightsEnabled") is not None:
            found["enable_app_insights"] = payload["appInsightsEnabled"]
        return found

    def made_anew(self, names: frozenset[str]) -> bool:
        """The SDK can update neither resources nor place of a container instance."""
        return bool(names & _ANEW)

    def effect(self, name: str, settings: Settings) -> Effect | tuple[Effect, str]:
        """A container instance is one container: what changes it starts it again."""
        del settings
        if name in AROUND:
            return Effect.IN_PLACE
        if name in _ANEW:
            return Effect.INTERRUPTS, "the container instance is made anew"
        return Effect.INTERRUPTS, "one container: it starts again, after the new version was judged beside it"

    def needs(self, settings: Settings) -> Needs:
        """One container."""
        return Needs(cores=settings["cpu_cores"], memory_gb=settings["memory_gb"])
