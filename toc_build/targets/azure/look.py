"""What only the cloud knows, seen before anything is uploaded: clusters, names, room.

A plan's findings of a cloud target. The rules that need no cloud (node sizes, the 12 cores of production,
autoscale on dev-test, GPUs) are preflight's, over the `Cluster` that is found here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from toc_build.errors import TargetError
from toc_build.findings import Finding, Severity
from toc_build.targets.azure.kind import Settings
from toc_build.targets.azure.payload import Live
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.plan import Cluster

if TYPE_CHECKING:
    from toc_build.targets.azure.place import Place


def look(client: Client, place: Place, live: Live | None) -> tuple[tuple[Finding, ...], Cluster | None]:
    """The findings of a target, and the cluster that it would run on.

    Args:
        client: a connection.
        place: what the target is set to do.
        live: the service as it is.
    """
    findings = list(_name(place, live))
    cluster: Cluster | None = None
    wanted = place.kind.compute(place.settings)
    if wanted is not None:
        clusters: list[dict[str, Any]] = client.call("clusters")
        found = next((one for one in clusters if one["name"].lower() == wanted.lower()), None)
        if found is None:
            findings.append(_unknown(wanted, clusters, place))
            return tuple(findings), None
        findings += _state(found, place)
        cluster = Cluster(
            found["vm_size"], found["nodes"], found["purpose"] == "production", found["location"]
        )
    if not findings and (live is None or place.kind.made_anew(_changed(live, place.settings))):
        findings += _room(client, place, live)
    return tuple(findings), cluster


def missing_cluster(client: Client, where: str | None) -> TargetError:
    """The error for a target that needs a cluster and was given none: it names those that there are."""
    return TargetError(
        "a deployment to AKS needs the name of a cluster that is attached to the workspace: "
        f"compute_target_name is missing. There {_listed(client.call('clusters'))}.",
        code="TOC-AKS-001",
        where=where,
        fix="write targets -> aks -> compute_target_name in deploy.yml, pass --compute-target-name NAME, or "
        'deploy(..., target="aks", compute_target_name=NAME).',
    )


def _unknown(wanted: str, clusters: list[dict[str, Any]], place: Place) -> Finding:
    near = difflib.get_close_matches(wanted, [one["name"] for one in clusters], n=1)
    meant = f"write {near[0]}, if that is meant," if near else "name one of those,"
    return Finding(
        "TOC-AKS-002",
        Severity.ERROR,
        f"the workspace {place.workspace} has no cluster {wanted}. There {_listed(clusters)}.",
        place.where("targets", "aks", "compute_target_name"),
        "Azure would refuse the service after everything was uploaded.",
        f"{meant} or make one: toc-build cluster create NAME --purpose dev-test.",
    )


def _listed(clusters: list[dict[str, Any]]) -> str:
    names = [f"{one['name']} ({one['purpose']}, {one['nodes']} x {one['vm_size']})" for one in clusters]
    return f"are: {', '.join(names)}" if names else "is none yet: toc-build cluster create makes one"


def _state(found: dict[str, Any], place: Place) -> Iterator[Finding]:
    if found["state"] != "Succeeded":
        yield Finding(
            "TOC-AKS-003",
            Severity.ERROR,
            f"the cluster {found['name']} is not ready: it is {found['state']}.",
            place.where("targets", "aks", "compute_target_name"),
            "A service on it would wait until its deadline.",
            f"look at it: toc-build cluster show {found['name']}.",
        )


def _name(place: Place, live: Live | None) -> Iterator[Finding]:
    where = place.where("targets", place.kind.name, "service_name") or place.where("service", "name")
    if live is not None and live.target != place.kind.name:
        yield Finding(
            "TOC-AZURE-024",
            Severity.ERROR,
            f"the workspace has a service {live.name} already, on {live.target}; a name is one service's.",
            where,
            "Azure would refuse the name after everything was uploaded.",
            f"give this target its own name: targets -> {place.kind.name} -> service_name; or delete that "
            "service.",
        )
    elif live is not None and live.version is None:
        yield Finding(
            "TOC-AZURE-021",
            Severity.ERROR,
            f"the name {live.name} is taken by a service that toc-build did not make.",
            where,
            "An update would replace somebody else's service.",
            f"choose another name (deploy.yml targets -> {place.kind.name} -> service_name), or delete that "
            "service in Azure ML studio first.",
        )


def _room(client: Client, place: Place, live: Live | None) -> Iterator[Finding]:
    """Azure's own word on name and room, asked without making anything."""
    specification = {
        "kind": place.kind.wire(place.settings),
        "name": place.service,
        "configuration": place.kind.configuration(place.settings, update=False, candidate=False),
        "compute": place.kind.compute(place.settings),
    }
    for words in client.call("validate", specification=specification):
        if live is not None and "exist" in words.lower():
            continue  # of course: it is the one to be made anew
        yield Finding(
            "TOC-AZURE-025",
            Severity.ERROR,
            f"Azure would refuse this service: {words}",
            place.where("targets", place.kind.name),
            "It would refuse it after everything was uploaded.",
            "ask for less (cpu_cores, memory_gb, replicas), take another region or cluster, or have the "
            "quota raised.",
        )


def _changed(live: Live, settings: Settings) -> frozenset[str]:
    known = live.version.settings if live.version else {}
    return frozenset(name for name in {*settings, *known} if known.get(name) != settings.get(name))
