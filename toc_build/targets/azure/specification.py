"""What the worker is asked to deploy: one JSON value with everything, made of contents and settings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from toc_build.targets.azure.contents import Contents
from toc_build.targets.azure.kind import Kind, Settings

Specification = dict[str, Any]


def make_specification(
    kind: Kind,
    contents: Contents,
    settings: Settings,
    *,
    name: str,
    tags: Mapping[str, str],
    properties: Mapping[str, str],
    models: Sequence[str] = (),
    update: bool = False,
    candidate: bool = False,
    keys_of: str | None = None,
) -> Specification:
    """The request for one service.

    Args:
        kind: of the service.
        contents: the bundle.
        settings: of the service.
        name: of the service.
        tags: of the service.
        properties: to be added.
        models: each a registered model, as `name:version`; may come later.
        update: an existing service is changed.
        candidate: it is to stand beside the one that answers.
        keys_of: a service whose keys it shall have.
    """
    image = settings.get("image")
    environment = {
        "name": f"toc-{hashlib.sha256((image or contents.conda).encode()).hexdigest()[:16]}",
        "variables": variables(settings),
        **({"image": image} if image else {"conda": contents.conda}),
    }
    return {
        "kind": "AKS" if candidate and kind.name == "aks" else kind.wire(settings),
        "name": name,
        "source": str(contents.root / "code"),
        "entry_script": contents.entry_script,
        "models": list(models),
        "lock": contents.lock,
        "environment": environment,
        "configuration": kind.configuration(settings, update=update, candidate=candidate),
        "compute": None if update else kind.compute(settings),
        "tags": dict(tags),
        "properties": dict(properties),
        "description": settings.get("description"),
        "keys_of": keys_of if settings["auth"] == "key" else None,
    }


def variables(settings: Settings) -> dict[str, str]:
    """The environment variables of the scorer: what azmlinfsrv reads of `deploy.yml` scoring."""
    return {
        "WORKER_COUNT": str(settings.get("workers", 1)),
        "GUNICORN_CMD_ARGS": f"--threads {settings.get('threads', 1)}",
    }
