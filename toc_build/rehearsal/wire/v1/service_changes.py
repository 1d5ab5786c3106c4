"""What a patch makes of a service: the new state of affairs, and which versions must start anew for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toc_build.rehearsal.domain.records import Service
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.services import ACI, ENDPOINT
from toc_build.rehearsal.wire.http import Ask, words
from toc_build.rehearsal.wire.v1.patches import apply_patch
from toc_build.rehearsal.wire.v1.service_requests import add_version, auth_of, check_version, scorer_of

# Words that stand beside a version's document in a patch, and belong to its role.
_ROLES = ("trafficPercentile", "isDefault", "type")


@dataclass
class Change:
    """A service after a patch; kept nowhere yet.

    Attributes:
        service: as it is to be.
        restarted: versions that are new or run another program.
        removed: versions that are no more.
    """

    service: Service
    restarted: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def changed(ask: Ask, name: str, patch: Any) -> Change:
    """What the patch makes of the service.

    Raises:
        Refusal: there is no such service, or it cannot become so.
    """
    service = ask.cloud.services.get(name)
    before = dict(service.document)
    whole = {**before, "versions": _versions_document(service)}
    after = apply_patch(whole, patch)
    versions = after.pop("versions", {})
    # "Properties are immutable", says the specification; the SDK's own description: they can be added.
    after["properties"] = {
        **words(after.get("properties"), "properties"),
        **words(before.get("properties"), "properties"),
    }
    after["kvTags"] = words(after.get("kvTags"), "kvTags")
    after.pop("sslKey", None)
    service.document = after
    auth = {"authEnabled": service.auth == "key", "aadAuthEnabled": service.auth == "token"}
    for item in patch:
        path = str(item.get("path", "")).strip("/")
        if path in auth:
            auth[path] = bool(item.get("value"))
    service.auth = auth_of(auth, default="none")
    if service.kind == ACI:  # on a cluster it is the cluster's
        service.tls = bool(after.get("sslEnabled"))
    change = Change(service)
    if service.kind == ENDPOINT:
        _change_versions(ask, change, versions)
    else:
        service.versions[name].document = after
        _change_scorer(ask, change, name)
    return change


def _versions_document(service: Service) -> dict[str, Any]:
    if service.kind != ENDPOINT:
        return {}
    return {
        name: {
            **version.document,
            "trafficPercentile": version.traffic,
            "isDefault": version.default,
            "type": "Control" if version.control else "Treatment",
        }
        for name, version in service.versions.items()
    }


def _change_versions(ask: Ask, change: Change, versions: dict[str, Any]) -> None:
    service = change.service
    for name in [name for name in service.versions if name not in versions]:
        if service.versions[name].default and len(service.versions) > 1:
            raise Refusal(
                "DefaultVersionInUse", f"The version {name} is the default: make another one the default."
            )
        del service.versions[name]
        change.removed.append(name)
    for name, document in versions.items():
        if name not in service.versions:
            add_version(ask, service, name, document)
            change.restarted.append(name)
            continue
        version = service.versions[name]
        version.traffic = int(document.get("trafficPercentile") or 0)
        version.default, version.control = bool(document.get("isDefault")), document.get("type") == "Control"
        version.document = {key: value for key, value in document.items() if key not in _ROLES}
        _change_scorer(ask, change, name)
    defaults = [version for version in service.versions.values() if version.default]
    for version in defaults[:-1]:  # the newest one asked for
        version.default = False
    if not defaults and service.versions:
        next(iter(service.versions.values())).default = True
    ask.cloud.services.check_traffic(service)


def _change_scorer(ask: Ask, change: Change, name: str) -> None:
    version = change.service.versions[name]
    scorer = scorer_of(ask, change.service, version.document)
    same = scorer.same_program(version.scorer) and version.serving is not None and version.state == "Healthy"
    version.scorer = scorer
    check_version(ask, change.service, version)
    if same:
        version.serving = scorer
    else:
        change.restarted.append(name)
