"""Everything that a cloud target is set to do; made by `opening`, read by everything here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toc_build.targets.azure.kind import Kind

_NAME_LENGTH = 32
_CANDIDATE = "-toc-next"


@dataclass(frozen=True)
class Place:
    """Everything that a target is set to do.

    Attributes:
        kind: ACI or AKS.
        service: the service's name.
        settings: of the service.
        workspace: in words, for messages.
        model_name: under which the model is registered.
        registered: `name:version` of a model that is registered already, in place of the bundle's.
        scoring_dir: the folder of the scoring code in the model repository, for messages.
        model_dir: the folder of the artifacts there.
        lock: the file of the lock against a second change.
        find_bundle: the folder of a bundle by its digest, where this machine still has it.
        deadlines: step -> seconds, over the usual ones.
        canary: the share of the traffic that a new version gets, in percent; None for all of it.
        where: the place of a setting in `deploy.yml`, for findings.
        demand: refuses an image that does not show what `deploy.yml` demands; None where all are taken.
    """

    kind: Kind
    service: str
    settings: Mapping[str, Any]
    workspace: str
    model_name: str
    lock: Path
    registered: str | None = None
    scoring_dir: str = "scoring"
    model_dir: str = "model"
    find_bundle: Callable[[str], Path | None] = lambda _digest: None
    deadlines: Mapping[str, float] = field(default_factory=dict)
    canary: int | None = None
    where: Callable[..., str | None] = lambda *_path: None
    demand: Callable[[str], None] | None = None


def candidate_name(service: str) -> str:
    """The name of the service that stands beside `service` while a new version is judged."""
    return service[: _NAME_LENGTH - len(_CANDIDATE)].rstrip("-") + _CANDIDATE
