"""The environment service: registered definitions, and what a definition asks for."""

from __future__ import annotations

import copy
from typing import Any

from toc_build.rehearsal.domain.records import EnvironmentDefinition
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.store import Document
from toc_build.rehearsal.wire.http import Ask, Endpoint, text, words
from toc_build.rehearsal.wire.v1.signin import WORKSPACE

_ENVIRONMENTS = f"/environment/v1.0{WORKSPACE}/environments"


def camel(value: Any) -> Any:
    """A definition with its keys in camel case: a request mixes cases, an answer does not."""
    if isinstance(value, dict):
        kept = {"environmentVariables", "condaDependencies"}  # what lies below is the user's own
        return {
            (name := key[:1].lower() + key[1:]): item if name in kept else camel(item)
            for key, item in value.items()
        }
    return [camel(item) for item in value] if isinstance(value, list) else value


def definition_of(ask: Ask, environment: Any) -> EnvironmentDefinition:
    """What a deployment request's environment asks for; a mere name is looked up.

    Raises:
        Refusal: there is no such environment, or it cannot be read.
    """
    if not isinstance(environment, dict):
        raise Refusal("ValidationError", "The environment field is required.")
    name, version = environment.get("name"), environment.get("version")
    content = environment
    if not environment.get("python") and not environment.get("docker") and name:
        content = ask.cloud.environments.get(str(name), str(version) if version else None)["definition"]
    content = camel(content)
    python, docker = content.get("python") or {}, content.get("docker") or {}
    conda = python.get("condaDependencies") or {}
    user_managed = bool(python.get("userManagedDependencies"))
    found = EnvironmentDefinition(
        name=str(name or ""),
        version=str(version or ""),
        variables=words(content.get("environmentVariables"), "environmentVariables"),
        server=bool(content.get("inferencingStackVersion")),
    )
    for item in conda.get("dependencies") or []:
        if isinstance(item, dict):
            found.requirements += [str(line) for line in item.get("pip") or []]
        elif str(item).split("::")[-1].startswith("python="):
            found.python = str(item).partition("=")[2].strip("= ")
        elif str(item).split("=")[0].strip() != "pip":
            found.conda_packages.append(str(item))
    if user_managed:
        found.dockerfile = docker.get("baseDockerfile") or None
        found.image = _image(docker)
        registry = docker.get("baseImageRegistry") or {}
        found.image_user, found.image_password = registry.get("username"), registry.get("password")
        interpreter = str(python.get("interpreterPath") or "python")
        found.interpreter = None if interpreter == "python" else interpreter
    return found


def _image(docker: dict[str, Any]) -> str | None:
    image = docker.get("baseImage")
    registry = (docker.get("baseImageRegistry") or {}).get("address")
    if image and registry and not str(image).startswith(f"{registry}/"):
        return f"{registry}/{image}"
    return str(image) if image else None


def without_passwords(definition: Any) -> Any:
    """A copy of a definition without the password of its image's registry."""
    shown = copy.deepcopy(definition)
    for name in ("docker", "Docker"):
        docker = shown.get(name) if isinstance(shown, dict) else None
        registry = docker.get("baseImageRegistry") if isinstance(docker, dict) else None
        if isinstance(registry, dict):
            registry["password"] = None
    return shown


def _payload(document: Document) -> dict[str, Any]:
    shown = without_passwords(document["definition"])
    return {**shown, "name": document["name"], "version": document["version"]}


def _register(ask: Ask) -> Any:
    name = ask.path["name"]
    if not isinstance(ask.body, dict):
        raise Refusal("ValidationError", "The environment definition is missing.")
    return _payload(ask.cloud.environments.register(text(name, "name"), camel(ask.body)))


def _get(ask: Ask) -> Any:
    return _payload(ask.cloud.environments.get(ask.path["name"], ask.path.get("version")))


def _list(ask: Ask) -> Any:
    return {"value": [_payload(item) for item in ask.cloud.environments.list()], "continuationToken": None}


def _image_details(ask: Ask) -> Any:
    found = ask.cloud.environments.get(ask.path["name"], ask.path.get("version"))
    image = ((found["definition"].get("docker") or {}).get("baseImage")) or ""
    return {
        "imageExistsInRegistry": False,
        "ingredients": {"buildContextDirectory": None},
        "dockerImage": {"name": image, "registry": {"address": "", "username": "", "password": ""}},
        "pythonEnvironment": None,
    }


def _labels(_ask: Ask) -> Any:
    return {}


_NAMED = f"{_ENVIRONMENTS}/{{name}}"
_VERSION = f"{_NAMED}/versions/{{version}}"
ENDPOINTS = (
    Endpoint("GET", f"{_ENVIRONMENTS}/", "environments.get", _list),
    Endpoint("GET", _ENVIRONMENTS, "environments.get", _list),
    Endpoint("PUT", _NAMED, "environments.create", _register),
    Endpoint("PUT", _VERSION, "environments.create", _register),
    Endpoint("GET", f"{_NAMED}/image", "environments.get", _image_details),
    Endpoint("GET", f"{_VERSION}/image", "environments.get", _image_details),
    Endpoint("PUT", f"{_VERSION}/metadata", "environments.create", _labels),
    Endpoint("GET", _NAMED, "environments.get", _get),
    Endpoint("GET", _VERSION, "environments.get", _get),
)
