"""Versions of an AKS endpoint with their shares of the traffic: what a canary is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import operations, quirks
from .services import arranged

if TYPE_CHECKING:
    from azureml.core.webservice import AksEndpoint

    from .session import Session


class Endpoints:
    """Calls about versions.

    Args:
        session: the signed-in worker.
    """

    calls = ("create_version", "share_traffic", "delete_version", "retag_endpoint")

    def __init__(self, session: Session) -> None:
        self._session = session

    def create_version(self, specification: dict[str, Any], version: str, percent: int) -> dict[str, Any]:
        """Add a version with its share of the traffic; returns the `operation`.

        Args:
            specification: see `client.Specification`; its `name` is the endpoint's.
            version: the new version's name.
            percent: of the traffic.
        """
        endpoint = self._open(specification["name"])
        values = dict(specification["configuration"])
        for name in ("auth_enabled", "token_auth_enabled", "enable_app_insights", "namespace"):
            values.pop(name, None)  # these are the endpoint's
        with arranged(self._session, specification) as (models, inference):
            endpoint.create_version(
                version_name=version,
                models=models,
                inference_config=inference,
                traffic_percentile=percent,
                tags=specification["tags"],
                properties=specification["properties"],
                description=specification["description"],
                **values,
            )
        return {"operation": operations.last_part(endpoint._operation_endpoint)}  # noqa: SLF001

    def share_traffic(self, name: str, version: str, percent: int, default: bool) -> dict[str, Any]:
        """Give a version its share of the traffic; returns the `operation`, None when it is done."""
        endpoint = self._open(name)
        endpoint.update_version(version, traffic_percentile=percent, is_default=default or None)
        return {"operation": operations.last_part(endpoint._operation_endpoint)}  # noqa: SLF001

    def delete_version(self, name: str, version: str) -> dict[str, Any]:
        """Take a version away; returns the `operation`, None when it is done."""
        endpoint = self._open(name)
        endpoint.delete_version(version)
        return {"operation": operations.last_part(endpoint._operation_endpoint)}  # noqa: SLF001

    def retag_endpoint(self, name: str, tags: dict[str, str], properties: dict[str, str]) -> dict[str, Any]:
        """Change the endpoint's own tags; returns the `operation`, None when it is done."""
        endpoint = self._open(name)
        endpoint.update(tags=tags, properties=properties)
        return {"operation": operations.last_part(endpoint._operation_endpoint)}  # noqa: SLF001

    def _open(self, name: str) -> AksEndpoint:
        from azureml.core.webservice import AksEndpoint

        quirks.mend_endpoints()
        return AksEndpoint(self._session.workspace, name)
