"""Model packages: a Docker build context for a scorer, which `LocalWebservice` builds and runs, too.

The Dockerfile is the service's to write. Azure's begins with conda; this one takes the Python of the base
image, and installs nothing into one whose user manages it.
"""

from __future__ import annotations

import shlex
from base64 import b64encode
from pathlib import PurePosixPath
from typing import Any

from toc_build.rehearsal.domain.records import Scorer, Service
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.services import ACI
from toc_build.rehearsal.scorers.layout import MODELS, model_dir
from toc_build.rehearsal.wire.http import Ask, Endpoint
from toc_build.rehearsal.wire.v1.models import MANAGEMENT
from toc_build.rehearsal.wire.v1.service_requests import scorer_of
from toc_build.rehearsal.wire.v1.services import accepted

ROOT = "/var/azureml-app"
PORT = 5001
_ASSETS = "azureml-app"
_CONTEXT, _IMAGE = "DockerBuildContext", "DockerImage"
_KIND = "package"


def _create(ask: Ask) -> Any:
    body = ask.body if isinstance(ask.body, dict) else {}
    wanted = body.get("packageType")
    if wanted not in {_CONTEXT, _IMAGE}:
        raise Refusal("ValidationError", f"There is no package type {wanted!r}: {_CONTEXT} and {_IMAGE} are.")
    request = body.get("imageRequest")
    # A package is a scorer without a place to run: read as one of a container group.
    nowhere = Service("package", ACI, "", "", "none", "", "")
    scorer = scorer_of(ask, nowhere, {"environmentImageRequest": request})
    for model in scorer.models:
        ask.cloud.models.get(model)
    operation = ask.cloud.operations.create(f"Package{wanted}", "packages")
    ask.cloud.operations.log(operation.id, f"Package {operation.id}: {wanted}")
    if wanted == _IMAGE:
        message = "The rehearsal makes no images: ask for generate_dockerfile=True."
        ask.cloud.operations.fail(
            operation.id, {"code": "NotRehearsed", "statusCode": 501, "message": message}
        )
        return accepted(ask, operation)
    environment = request.get("environment") if isinstance(request, dict) else None
    manifest = {
        "context": _context(ask, scorer, _base_image(environment)),
        "environment": {"name": scorer.environment.name, "version": scorer.environment.version}
        if scorer.environment.version
        else None,
    }
    ask.cloud.store.put(ask.scope, _KIND, operation.id, manifest)
    query = ask.cloud.blobs.signed_query(f"packages/{operation.id}", "r")
    place = f"{ask.services.base}/rehearsed-packages/{operation.id}?{query}"
    ask.cloud.operations.succeed(operation.id, place)
    return accepted(ask, operation)


def _base_image(environment: Any) -> str:
    docker = (environment.get("docker") or {}) if isinstance(environment, dict) else {}
    image = docker.get("baseImage")
    if not image:
        raise Refusal(
            "BaseImageMissing", "The environment names no base image: set environment.docker.base_image."
        )
    registry = (docker.get("baseImageRegistry") or {}).get("address")
    return f"{registry}/{image}" if registry and not str(image).startswith(f"{registry}/") else str(image)


def _context(ask: Ask, scorer: Scorer, base: str) -> list[dict[str, Any]]:
    entries = [_inline("Dockerfile", dockerfile(scorer, base))]
    if scorer.environment.image is None:
        packages = [line for line in scorer.environment.requirements if not line.startswith("-")]
        entries.append(_inline("requirements.txt", "".join(f"{line}\n" for line in packages)))
    entries += [_remote(asset.artifact, _ASSETS, unpack=asset.unpack) for asset in scorer.code]
    for identity in scorer.models:
        model = ask.cloud.models.get(identity)
        place = str(PurePosixPath(MODELS) / model.name / str(model.version))
        entries += [_remote(prefix, place, unpack=False) for prefix in model.content]
    return entries


def dockerfile(scorer: Scorer, base: str) -> str:
    """The Dockerfile of a scorer's package.

    Args:
        scorer: what it runs.
        base: the image to begin with; it brings a Python.
    """
    variables = {
        "AML_APP_ROOT": ROOT,
        "AZUREML_MODEL_DIR": model_dir(scorer.models),
        "PYTHONUNBUFFERED": "1",
        **scorer.environment.variables,
        "AZUREML_ENTRY_SCRIPT": scorer.entry_script,
    }
    lines = [f"FROM {base}"]
    lines += [f"ENV {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append("USER root")  # the SDK copies models in with the rights of its own temporary folder
    lines.append(f"WORKDIR {ROOT}")
    if scorer.environment.image is None:
        lines.append("COPY requirements.txt /tmp/requirements.txt")
        lines.append("RUN python -m pip install --no-cache-dir -r /tmp/requirements.txt")
    lines.append(f"COPY {_ASSETS} {ROOT}")
    if scorer.models:
        lines.append(f"COPY {MODELS} {ROOT}/{MODELS}")
    command = [
        scorer.environment.interpreter or "python",
        "-m",
        "azureml_inference_server_http",
        "--port",
        str(PORT),
    ]
    command += ["--entry_script", f"{ROOT}/{scorer.entry_script}"]
    # ENTRYPOINT, not CMD: the base image may have one of its own.
    words = ", ".join(f'"{word}"' for word in command)
    lines += [f"EXPOSE {PORT}", f"ENTRYPOINT [{words}]"]
    return "\n".join(lines) + "\n"


def _inline(path: str, content: str) -> dict[str, Any]:
    encoded = b64encode(content.encode()).decode()
    return {"entryType": "inline", "encoding": "base64", "path": path, "content": encoded}


def _remote(artifact: str, path: str, *, unpack: bool) -> dict[str, Any]:
    return {"entryType": "remote", "uri": f"aml://artifact/{artifact}", "unpack": unpack, "path": path}


def _manifest(ask: Ask) -> Any:
    identity = ask.path["operation"]
    ask.cloud.blobs.check_signature(f"packages/{identity}", ask.query, "r")
    found = ask.cloud.store.get(ask.scope, _KIND, identity)
    if found is None:
        raise Refusal("PackageNotFound", f"There is no package {identity}.", 404)
    return found


ENDPOINTS = (
    Endpoint("POST", f"{MANAGEMENT}/packages", "packages.create", _create),
    Endpoint("GET", "/rehearsed-packages/{operation}", "packages.create", _manifest, open=True),
)
