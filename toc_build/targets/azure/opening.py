"""Makes a cloud target, or a connection to the workspace, of a model repository. Called by `registry`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toc_build.bundle.store import bundles_dir
from toc_build.environment import ensure_sdk_v1
from toc_build.errors import TargetError
from toc_build.image.demand import SignatureDemand
from toc_build.paths import cache_dir
from toc_build.repository import Repository
from toc_build.repository.target_schema import AciTarget, AksTarget
from toc_build.targets.azure.aci import Aci
from toc_build.targets.azure.aks import Aks
from toc_build.targets.azure.kind import Kind
from toc_build.targets.azure.look import look, missing_cluster
from toc_build.targets.azure.place import Place
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.azure.workspace import WorkspaceName, find_workspace

_NAME_LENGTH = 32
_ACI = "-aci"
_NO_CLUSTER = "none"
_clients: dict[tuple[WorkspaceName, str], Client] = {}
_REFERENCE = re.compile(r"^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$")


def open_azure_target(
    name: str,
    repository: Repository,
    *,
    compute_target_name: str | None = None,
    canary: int | None = None,
    deploys: bool = False,
    progress: Callable[[str], None] | None = None,
) -> AzureTarget:
    """The target `aci` or `aks` as `deploy.yml` sets it; Azure is not asked yet.

    Args:
        name: of the target.
        repository: a loaded model repository.
        compute_target_name: the cluster, in place of the one in `deploy.yml`.
        canary: the new version's share of the traffic, in percent, on `aks`.
        deploys: whether a deployment is to follow.
        progress: told when the SDK is installed.

    Raises:
        TargetError: the workspace is not known, or a cluster is needed and none is named: the error names
            those that exist.
        RepositoryError: a variable that `deploy.yml` refers to is not set.
    """
    if canary is not None and (name != "aks" or not 0 <= canary < 100):
        raise TargetError(
            "a canary is a version on aks that takes 1 to 99 percent of the traffic (0 withdraws it).",
            code="TOC-AKS-006",
            fix="toc-build deploy --target aks --canary 10",
        )
    kind, service, settings = _aci(repository) if name == "aci" else _aks(repository, compute_target_name)
    workspace = find_workspace(repository)
    if deploys and name == "aks" and settings["compute_target_name"] is None:
        where = repository.where("targets", "aks", "compute_target_name")
        raise missing_cluster(open_client(repository, progress=progress), where)
    key = f"{workspace.subscription_id}/{workspace.resource_group}/{workspace.name}/{service}".lower()
    deadlines = {"init": float(settings.pop("readiness_seconds"))}
    place = Place(
        kind=kind,
        service=service,
        settings={**settings, **_common(repository)},
        workspace=str(workspace),
        model_name=repository.config.model.name,
        registered=repository.config.model.registered,
        lock=cache_dir() / "locks" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock",
        scoring_dir=repository.scoring_dir.relative_to(repository.root).as_posix(),
        model_dir=repository.model_dir.relative_to(repository.root).as_posix(),
        find_bundle=_stored,
        deadlines=deadlines,
        canary=canary,
        where=repository.where,
        demand=_demand(name, repository),
    )
    return AzureTarget(place, open_client(repository, progress=progress), look)


def open_client(repository: Repository, *, progress: Callable[[str], None] | None = None) -> Client:
    """The connection to the repository's workspace; nothing is asked yet.

    One process has one for each workspace and sign-in, whoever asks for it: signing in takes seconds.

    Raises:
        TargetError: the workspace is not known.
    """
    workspace = find_workspace(repository)
    surroundings = hashlib.sha256(repr(sorted(os.environ.items())).encode()).hexdigest()
    return _clients.setdefault(
        (workspace, surroundings), Client(workspace, lambda: ensure_sdk_v1(progress=progress))
    )


def _aci(repository: Repository) -> tuple[Kind, str, dict[str, Any]]:
    section = repository.config.targets.aci
    resolved = AciTarget() if section is None else repository.resolve(section)
    name = repository.config.service.name
    default = name[: _NAME_LENGTH - len(_ACI)].rstrip("-") + _ACI
    settings = _with_files(Aci.settings(resolved), repository.root) | _both(resolved)
    return Aci(repository.root), resolved.service_name or default, settings


def _aks(repository: Repository, compute_target_name: str | None) -> tuple[Kind, str, dict[str, Any]]:
    section = repository.config.targets.aks
    if section is None:
        resolved = AksTarget()
    else:
        environ: Mapping[str, str] = os.environ
        reference = _REFERENCE.match(section.compute_target_name or "")
        if reference and (compute_target_name or not environ.get(reference[1])):
            environ = {**environ, reference[1]: compute_target_name or _NO_CLUSTER}
        resolved = repository.resolve(section, environ=environ)
    settings = Aks.settings(resolved)
    if compute_target_name is not None:
        settings["compute_target_name"] = compute_target_name
    elif settings["compute_target_name"] == _NO_CLUSTER:
        settings["compute_target_name"] = None
    return Aks(), resolved.service_name or repository.config.service.name, settings | _both(resolved)


def _both(section: AciTarget | AksTarget) -> dict[str, Any]:
    return {"image": section.image, "readiness_seconds": section.readiness_seconds}


def _demand(name: str, repository: Repository) -> Callable[[str], None] | None:
    """What refuses an image that is not signed, where `deploy.yml` demands that it is."""
    demand = SignatureDemand.of(repository)
    if demand is None:
        return None
    where = repository.where("targets", name, "image")
    return lambda image: demand.check_named(image, where)


def _common(repository: Repository) -> dict[str, Any]:
    config = repository.config
    return {
        "description": config.service.description,
        "model": config.model.registered,
        "workers": config.scoring.workers,
        "threads": config.scoring.threads,
    }


def _with_files(settings: dict[str, Any], root: Path) -> dict[str, Any]:
    """A certificate's files are there; another certificate is another setting."""
    for name in ("ssl.cert_pem_file", "ssl.key_pem_file"):
        if settings[name] is None:
            continue
        path = root / settings[name]
        if not path.is_file():
            raise TargetError(
                f"{settings[name]} is not there.",
                code="TOC-ACI-001",
                where=f"deploy.yml targets -> aci -> {name.replace('.', ' -> ')}",
                fix="put the file there (and keep it out of git), or name the right one.",
            )
        if name == "ssl.cert_pem_file":
            settings["ssl.certificate"] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return settings


def _stored(digest: str) -> Path | None:
    root = bundles_dir() / digest.replace(":", "-")
    return root if (root / "manifest.json").is_file() else None
