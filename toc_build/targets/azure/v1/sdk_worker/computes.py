"""Inference clusters: listed, made, attached, let go."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

from .channel import Failure

if TYPE_CHECKING:
    from azureml.core.compute import AksCompute

    from .session import Session

_PURPOSES = {"FastProd": "production", "DevTest": "dev-test", "DenseProd": "production"}
_WAIT_SECONDS = 10.0


class Computes:
    """Calls about clusters.

    Args:
        session: the signed-in worker.
    """

    calls = ("clusters", "create_cluster", "attach_cluster", "remove_cluster")

    def __init__(self, session: Session) -> None:
        self._session = session

    def clusters(self) -> list[dict[str, Any]]:
        """Every Kubernetes cluster that the workspace knows."""
        from azureml.core.compute import AksCompute, ComputeTarget

        return [
            described(one)
            for one in ComputeTarget.list(self._session.workspace)
            if isinstance(one, AksCompute)
        ]

    def create_cluster(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        """Make a cluster and wait until it is there."""
        from azureml.core.compute import AksCompute, ComputeTarget

        purpose = options.pop("purpose")
        configuration = AksCompute.provisioning_configuration(
            cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
            if purpose == "dev-test"
            else AksCompute.ClusterPurpose.FAST_PROD,
            **options,
        )
        return self._settled(ComputeTarget.create(self._session.workspace, name, configuration))

    def attach_cluster(self, name: str, resource_id: str, purpose: str) -> dict[str, Any]:
        """Let the workspace know of a cluster that exists."""
        from azureml.core.compute import AksCompute, ComputeTarget

        configuration = AksCompute.attach_configuration(
            resource_id=resource_id,
            cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
            if purpose == "dev-test"
            else AksCompute.ClusterPurpose.FAST_PROD,
        )
        return self._settled(ComputeTarget.attach(self._session.workspace, name, configuration))

    def remove_cluster(self, name: str, delete: bool) -> None:
        """Let go of a cluster; with `delete`, the machines go as well."""
        from azureml.core.compute import AksCompute

        cluster = AksCompute(self._session.workspace, name)
        if delete:
            cluster.delete()
        else:
            cluster.detach()

    def _settled(self, cluster: AksCompute) -> dict[str, Any]:
        for pause in itertools.chain((1.0, 2.0, 5.0), itertools.repeat(_WAIT_SECONDS)):
            with contextlib.suppress(KeyError):
                cluster.refresh_state()
            state = cluster.provisioning_state
            if state in ("Succeeded", "Failed", "Canceled"):
                break
            self._session.channel.event("progress", f"{cluster.name}: {state}")
            time.sleep(pause)
        if cluster.provisioning_state != "Succeeded":
            raise Failure(
                "refused", f"the cluster is {cluster.provisioning_state}: {cluster.provisioning_errors}"
            )
        return described(cluster)


def described(cluster: AksCompute) -> dict[str, Any]:
    """A cluster as JSON values."""
    ssl = getattr(cluster, "ssl_configuration", None)
    return {
        "name": cluster.name,
        "location": cluster.cluster_location or cluster.location,
        "state": cluster.provisioning_state,
        "purpose": _PURPOSES.get(cluster.cluster_purpose or "FastProd", cluster.cluster_purpose),
        "vm_size": cluster.agent_vm_size,
        "nodes": cluster.agent_count,
        "fqdn": cluster.cluster_fqdn,
        "resource_id": cluster.cluster_resource_id,
        "ssl": getattr(ssl, "status", None) if ssl is not None else None,
    }
