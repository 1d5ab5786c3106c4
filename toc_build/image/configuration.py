"""The image's configuration: what it runs, as whom, with which variables, ports and labels. `build` calls it.

Ports, folders and variables are those of Azure ML's own inference images
(https://learn.microsoft.com/azure/machine-learning/concept-prebuilt-docker-images-inference), so that
Azure ML runs the image as one of its own.
"""

from __future__ import annotations

import math
import shlex
from typing import Any

from toc_build.bundle import Bundle
from toc_build.image.base import Base
from toc_build.image.bundle_layers import APP_ROOT, GUNICORN_SETTINGS, model_place, model_version
from toc_build.image.environment_layer import HOME
from toc_build.image.settings import ImageSettings
from toc_build.image.store import Layer

CREATED = "1980-01-01T00:00:00Z"  # the time is no part of what an image is
USER = "10001:10001"
PREFIX = "com.github.toc-build"
# gunicorn kills a worker that shows no sign of life for so long, and init() counts.
_MIN_WORKER_TIMEOUT = 300


def configuration(
    bundle: Bundle, settings: ImageSettings, base: Base, layers: tuple[Layer, ...]
) -> dict[str, Any]:
    """The OCI configuration of the image of `bundle`.

    Args:
        bundle: what is served.
        settings: how.
        base: what it stands on.
        layers: those above the base's, from the bottom up.
    """
    system, architecture = settings.platform.split("/")
    below = base.config.get("config") or {}
    inherited = dict(line.partition("=")[::2] for line in below.get("Env") or ())
    variables = {**inherited, **environment_variables(bundle, settings, inherited.get("PATH", ""))}
    return {
        "architecture": architecture,
        "os": system,
        "created": CREATED,
        "config": {
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Entrypoint": entrypoint(),
            "Cmd": command(bundle, settings),
            "ExposedPorts": {f"{settings.port}/tcp": {}},
            "Labels": labels(bundle, settings, base),
            "StopSignal": "SIGTERM",
            "User": USER,
            "WorkingDir": f"/{APP_ROOT}",
        },
        "rootfs": {"type": "layers", "diff_ids": [item.diff_id for item in (*base.layers, *layers)]},
        "history": _history(base, layers),
    }


def entrypoint() -> list[str]:
    """The server, as the first process: nothing stands between it and the engine's signals."""
    return [f"/{HOME}/bin/python", "-m", "azureml_inference_server_http"]


def command(bundle: Bundle, settings: ImageSettings) -> list[str]:
    """The server's arguments; it takes the script from nowhere else."""
    return ["--entry_script", f"/{APP_ROOT}/{bundle.manifest.entry_script}", "--port", str(settings.port)]


def environment_variables(bundle: Bundle, settings: ImageSettings, path: str) -> dict[str, str]:
    """The variables of the image.

    Args:
        bundle: what is served.
        settings: how.
        path: the base's PATH.
    """
    gunicorn = [
        "--config",
        f"/{GUNICORN_SETTINGS}",
        "--threads",
        str(settings.threads),
        "--graceful-timeout",
        str(settings.timeout_seconds),
    ]
    return {
        "AML_APP_ROOT": f"/{APP_ROOT}",
        "AZUREML_ENTRY_SCRIPT": bundle.manifest.entry_script,
        "AZUREML_MODEL_DIR": f"/{model_place(bundle)}",
        "GUNICORN_CMD_ARGS": shlex.join(gunicorn),
        "HOME": "/tmp",  # noqa: S108 - the one folder of a read-only image that can be written
        "PATH": f"/{HOME}/bin:{path or '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "SCORING_TIMEOUT_MS": str(math.ceil(settings.timeout_seconds * 1000)),
        "WORKER_COUNT": str(settings.workers),
        "WORKER_TIMEOUT": str(max(_MIN_WORKER_TIMEOUT, settings.readiness_seconds + 60)),
    }


def labels(bundle: Bundle, settings: ImageSettings, base: Base) -> dict[str, str]:
    """What the image says about itself; nothing that differs between two builds of the same bundle."""
    given = {
        "org.opencontainers.image.base.digest": base.digest,
        "org.opencontainers.image.base.name": _base_name(base),
        "org.opencontainers.image.description": settings.description,
        "org.opencontainers.image.revision": settings.revision,
        "org.opencontainers.image.title": settings.service,
        f"{PREFIX}.bundle.digest": bundle.digest,
        f"{PREFIX}.model.name": bundle.manifest.model,
        f"{PREFIX}.model.version": model_version(bundle),
        f"{PREFIX}.template.version": settings.template_version,
    }
    return {name: value for name, value in given.items() if value}


def _base_name(base: Base) -> str | None:
    """The base's name; a folder or file of this machine is none."""
    return None if base.reference.startswith(("oci:", "docker-archive:")) else base.reference


def _history(base: Base, layers: tuple[Layer, ...]) -> list[dict[str, Any]]:
    below = base.config.get("history")
    if not below or sum(not item.get("empty_layer") for item in below) != len(base.layers):
        below = [{"created": CREATED, "created_by": "base"} for _ in base.layers]
    return [*below, *({"created": CREATED, "created_by": f"toc-build: {item.name}"} for item in layers)]
