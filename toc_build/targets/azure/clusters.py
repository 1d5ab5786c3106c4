"""Inference clusters of a workspace: listed, made, attached, let go. Used by `toc-build cluster`.

What a purpose means, from Azure ML's documentation (how-to-create-attach-kubernetes, SDK v1): a `production`
cluster (FastProd) needs at least 12 cores in all and can follow the load; a `dev-test` cluster (DevTest) is
for trying out: smaller, without autoscale, and never for callers that count on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toc_build.errors import Problem, TargetError
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.azure.vm_sizes import PRODUCTION_CORES, vm_size, vm_sizes

DEFAULT_REGION = "northeurope"
DEFAULT_VM_SIZE = "Standard_D3_v2"
DEFAULT_NODES = 3
PURPOSES: Mapping[str, str] = {
    "dev-test": "small and cheap, for trying out: no autoscale, no promise to callers",
    "production": f"at least {PRODUCTION_CORES} cores, autoscale, for callers that count on it",
}
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,14}[a-zA-Z0-9]")
_RESOURCE_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerService/managedClusters/[^/]+",
    re.IGNORECASE,
)
_MAKING_SECONDS = 3600.0


@dataclass(frozen=True)
class ClusterRequest:
    """A cluster to be made.

    Attributes:
        name: in the workspace.
        purpose: `dev-test` or `production`.
        vm_size: of each node.
        nodes: how many.
        location: region.
        vnet_resource_group, vnet_name, subnet_name: an existing virtual network, all three or none.
        service_cidr, dns_service_ip, docker_bridge_cidr: address ranges inside of it.
        ssl_cname, ssl_cert_pem_file, ssl_key_pem_file: HTTPS with a certificate of one's own, all or none.
    """

    name: str
    purpose: str
    vm_size: str = DEFAULT_VM_SIZE
    nodes: int = DEFAULT_NODES
    location: str = DEFAULT_REGION
    vnet_resource_group: str | None = None
    vnet_name: str | None = None
    subnet_name: str | None = None
    service_cidr: str | None = None
    dns_service_ip: str | None = None
    docker_bridge_cidr: str | None = None
    ssl_cname: str | None = None
    ssl_cert_pem_file: str | None = None
    ssl_key_pem_file: str | None = None

    @property
    def cores(self) -> int | None:
        """Of all nodes together; None for a size that is not known."""
        size = vm_size(self.vm_size)
        return None if size is None else size.cores * self.nodes


def check(request: ClusterRequest) -> None:
    """Refuses what Azure would refuse after minutes, or what would not do what it is for.

    Raises:
        TargetError: with every reason.
    """
    problems = [*_naming(request), *_size(request)]
    for group in (
        ("vnet_resource_group", "vnet_name", "subnet_name"),
        ("ssl_cname", "ssl_cert_pem_file", "ssl_key_pem_file"),
    ):
        missing = [name for name in group if getattr(request, name) is None]
        if missing and len(missing) < len(group):
            options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
            problems.append(
                Problem("TOC-CLUSTER-006", f"{options} is missing.", fix="give all of them, or none.")
            )
    if problems:
        raise TargetError.collect(problems)


def clusters(client: Client) -> list[dict[str, Any]]:
    """Every cluster of the workspace, with its `cores`."""
    return [_with_cores(one) for one in client.call("clusters")]


def cluster(client: Client, name: str) -> dict[str, Any]:
    """One cluster.

    Raises:
        TargetError: there is none of that name; it says which there are.
    """
    found = clusters(client)
    for one in found:
        if one["name"].lower() == name.lower():
            return one
    names = ", ".join(one["name"] for one in found) or "none"
    raise TargetError(
        f"the workspace has no cluster {name}; there are: {names}.",
        code="TOC-CLUSTER-001",
        fix="name one of those, or make one with `toc-build cluster create`.",
    )


def create(client: Client, request: ClusterRequest) -> dict[str, Any]:
    """Makes a cluster and waits until it is there, about ten minutes in Azure.

    Raises:
        TargetError: it must not be made, the name is taken, or Azure refused.
    """
    check(request)
    _require_free(client, request.name)
    options = {
        "purpose": request.purpose,
        "agent_count": request.nodes,
        "vm_size": request.vm_size,
        "location": request.location,
        "vnet_resourcegroup_name": request.vnet_resource_group,
        "vnet_name": request.vnet_name,
        "subnet_name": request.subnet_name,
        "service_cidr": request.service_cidr,
        "dns_service_ip": request.dns_service_ip,
        "docker_bridge_cidr": request.docker_bridge_cidr,
        "ssl_cname": request.ssl_cname,
        "ssl_cert_pem_file": request.ssl_cert_pem_file,
        "ssl_key_pem_file": request.ssl_key_pem_file,
    }
    made: dict[str, Any] = client.call(
        "create_cluster", name=request.name, options=options, seconds=_MAKING_SECONDS
    )
    return _with_cores(made)


def attach(client: Client, name: str, resource_id: str, purpose: str) -> dict[str, Any]:
    """Lets the workspace know of an AKS cluster that exists.

    Raises:
        TargetError: the id is none of a cluster, the name is taken, or Azure refused.
    """
    problems = list(_naming(ClusterRequest(name, purpose)))
    if not _RESOURCE_ID.fullmatch(resource_id):
        problems.append(
            Problem(
                "TOC-CLUSTER-007",
                f"{resource_id} is no resource id of an AKS cluster.",
                fix="`az aks show --query id` prints it: /subscriptions/.../resourceGroups/.../providers/"
                "Microsoft.ContainerService/managedClusters/NAME",
            )
        )
    if problems:
        raise TargetError.collect(problems)
    _require_free(client, name)
    made: dict[str, Any] = client.call(
        "attach_cluster", name=name, resource_id=resource_id, purpose=purpose, seconds=_MAKING_SECONDS
    )
    return _with_cores(made)


def detach(client: Client, name: str, *, delete: bool = False) -> None:
    """Lets go of a cluster; its machines stay, and stay billed, unless they are deleted too.

    Args:
        client: a connection.
        name: of the cluster.
        delete: delete the machines as well; only for a cluster that the workspace made.

    Raises:
        TargetError: there is none, or services run on it.
    """
    found = cluster(client, name)
    running = [one["name"] for one in client.call("service_names") if one["compute"] == found["name"]]
    if running:
        raise TargetError(
            f"services run on {found['name']}: {', '.join(running)}.",
            code="TOC-CLUSTER-008",
            fix="delete them first: toc-build delete --target aks in their repositories.",
        )
    client.call("remove_cluster", name=found["name"], delete=delete)


def _require_free(client: Client, name: str) -> None:
    taken = next((one for one in clusters(client) if one["name"].lower() == name.lower()), None)
    if taken is not None:
        raise TargetError(
            f"the workspace has a cluster {taken['name']} already.",
            code="TOC-CLUSTER-002",
            fix=f"take another name; `toc-build cluster show {taken['name']}` tells of that one.",
        )


def _naming(request: ClusterRequest) -> list[Problem]:
    problems = []
    if not _NAME.fullmatch(request.name):
        problems.append(
            Problem(
                "TOC-CLUSTER-003",
                f"{request.name!r} is no name for a cluster.",
                fix="take 2 to 16 letters, digits and hyphens, a letter first, no hyphen last.",
            )
        )
    if request.purpose not in PURPOSES:
        meanings = "; ".join(f"{name}: {words}" for name, words in PURPOSES.items())
        problems.append(
            Problem("TOC-CLUSTER-004", f"there is no purpose {request.purpose!r}.", fix=f"{meanings}.")
        )
    return problems


def _size(request: ClusterRequest) -> list[Problem]:
    size = vm_size(request.vm_size)
    if size is None:
        near = [one.name for one in vm_sizes().values() if one.cores == 4 and one.retired is None][:4]
        return [
            Problem(
                "TOC-CLUSTER-005",
                f"the VM size {request.vm_size} is not known, so its cores cannot be counted.",
                fix=f"look at its spelling; sizes with 4 cores are {', '.join(near)}.",
            )
        ]
    cores = size.cores * request.nodes
    if request.purpose == "production" and cores < PRODUCTION_CORES:
        enough = -(-PRODUCTION_CORES // size.cores)
        return [
            Problem(
                "TOC-CLUSTER-009",
                f"{request.nodes} x {size.name} has {cores} cores; a production cluster needs "
                f"{PRODUCTION_CORES}.",
                fix=f"take {enough} nodes (--nodes {enough}), a larger VM size, or --purpose dev-test.",
            )
        ]
    return []


def _with_cores(found: dict[str, Any]) -> dict[str, Any]:
    size = vm_size(found["vm_size"]) if found["vm_size"] else None
    return {**found, "cores": size.cores * found["nodes"] if size and found["nodes"] else None}
