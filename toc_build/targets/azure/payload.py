"""Reads what Azure says of a service: which version it is, whether it was judged, how it is doing.

The truth about the version that answers stands in the service's tags, which an update replaces together with
the version itself; properties can only be added to, so they hold the deployments of the past, one each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from toc_build.targets.azure.kind import Kind, Settings
from toc_build.targets.protocol import State, Status, Version

DIGEST, SETTINGS, RECORD, JUDGED, MADE_BY, SINCE = (
    "toc-digest",
    "toc-settings",
    "toc-record",
    "toc-judged",
    "toc-made-by",
    "toc-since",
)
OURS = "toc-"

CANARY = "toc-canary"

_STATES = {
    "Healthy": State.READY,
    "Transitioning": State.STARTING,
    "Updating": State.STARTING,
    "Creating": State.STARTING,
    "Scaling": State.STARTING,
    "Unhealthy": State.FAILED,
    "Failed": State.FAILED,
    "Unschedulable": State.FAILED,
    "Deleting": State.STOPPED,
}


@dataclass(frozen=True)
class Canary:
    """A version on trial.

    Attributes:
        version: its name within the endpoint.
        digest: of its bundle.
        percent: its share of the traffic.
    """

    version: str
    digest: str
    percent: int


@dataclass(frozen=True)
class Live:
    """A service as it is.

    Attributes:
        name: its name.
        wire: what Azure calls its kind: `ACI`, `AKS`, `AKSENDPOINT`.
        version: what answers, as the service's tags say; None when it was not made by toc-build.
        judged: whether its answers were judged right, or nobody asked for a judgement.
        state: how it is doing.
        scoring_uri: where images are posted.
        detail: Azure's words on its state.
        since: when it last changed.
        made_by: who made it, for a candidate.
        tags: all of its tags.
        payload: everything that Azure said.
    """

    name: str
    wire: str
    version: Version | None
    judged: bool
    state: State
    scoring_uri: str | None
    detail: str | None
    since: datetime | None
    made_by: str
    tags: Mapping[str, str]
    payload: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """Whether toc-build made it."""
        return self.version is not None or bool(self.made_by)

    @property
    def target(self) -> str:
        """The target that its kind belongs to."""
        return {"AKSENDPOINT": "aks"}.get(self.wire, self.wire.lower())

    @property
    def canary(self) -> Canary | None:
        """The version that takes a part of the traffic and waits to be promoted or withdrawn."""
        told = _json(self.tags.get(CANARY))
        return Canary(**told) if told else None

    @property
    def versions(self) -> list[str]:
        """The names of an endpoint's versions."""
        return sorted(self.payload.get("versions") or {})

    def status(self) -> Status:
        """The protocol's view of it."""
        uri = self.scoring_uri if self.state in (State.READY, State.STARTING) else None
        digest = self.version.digest if self.version else None
        detail = self.detail
        if self.canary is not None:
            detail = (
                f"a canary of {self.canary.digest[:19]} takes {self.canary.percent} % of the traffic: deploy "
                "the same again to promote it, with --canary 0 to withdraw it"
            )
        if self.state is State.READY and not self.judged:
            detail = "it answers, but its answers were not judged: deploy again"
        return Status(self.state, digest, uri, None, self.since, detail)


def read_live(payload: Mapping[str, Any] | None, kind: Kind) -> Live | None:
    """What a service's description says; None when there is no service."""
    if payload is None:
        return None
    tags = payload.get("kvTags") or {}
    version = None
    if tags.get(DIGEST):
        settings = _json(tags.get(SETTINGS))
        wire = payload.get("computeType")
        if wire == kind.wire(settings) and wire != "AKSENDPOINT":
            settings.update(kind.seen(payload))
        version = Version(tags[DIGEST], settings, _json(tags.get(RECORD)))
    error = payload.get("error")
    state = _STATES.get(str(payload.get("state")), State.STARTING)
    return Live(
        name=str(payload["name"]),
        wire=str(payload.get("computeType")),
        version=version,
        judged=tags.get(JUDGED) == "yes",
        state=state,
        scoring_uri=payload.get("scoringUri"),
        detail=None if state is State.READY else _words(error) or str(payload.get("state")),
        since=_moment(payload.get("updatedTime") or payload.get("createdTime")),
        made_by=tags.get(MADE_BY, ""),
        tags=tags,
        payload=payload,
    )


def tags_of(
    digest: str, settings: Settings, record: Mapping[str, str], *, judged: bool, made_by: str, since: str
) -> dict[str, str]:
    """The tags of a service with this version."""
    own = {name: str(value) for name, value in (settings.get("tags") or {}).items()}
    return {
        **own,
        DIGEST: digest,
        SETTINGS: json.dumps(dict(settings), sort_keys=True, separators=(",", ":")),
        RECORD: json.dumps(dict(record), sort_keys=True, separators=(",", ":")),
        JUDGED: "yes" if judged else "no",
        MADE_BY: made_by,
        SINCE: since,
    }


def properties_of(digest: str, record: Mapping[str, str], *, made_by: str, since: str) -> dict[str, str]:
    """The property that a deployment adds: its name is new each time, for a property never changes."""
    told = {**record, "digest": digest, "by": made_by, "at": since}
    stamp = "".join(letter for letter in since if letter.isalnum())
    return {f"toc-deployment-{stamp}": json.dumps(told, sort_keys=True, separators=(",", ":"))}


def _json(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _words(error: Any) -> str | None:
    if isinstance(error, Mapping):
        return str(error.get("message") or error.get("code") or "") or None
    return str(error) if error else None


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
