"""Finds who one is to a registry: as Docker and podman keep it, or by the Azure login. `client` calls it.

What is found is used and never shown, stored or logged.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toc_build.errors import ImageError

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 60
_AZURE_SUFFIXES = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
_NOT_FOUND = "credentials not found"


@dataclass(frozen=True)
class Credentials:
    """A user name with a password, or a token that stands for a user.

    Attributes:
        user: the name, or empty.
        password: or empty.
        refresh_token: what a registry's token service takes in their place, or empty.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)


def find_credentials(host: str) -> Credentials | None:
    """The credentials that this machine keeps for a registry; None: go without.

    Raises:
        ImageError: a credential helper fails.
    """
    key = _HUB_KEY if host == "docker.io" else host
    for place in _config_files():
        found = _from_config(_read(place), key)
        if found:
            return found
    return None


def azure_access_token(host: str) -> str | None:
    """An access token of the Azure login, for a registry of Azure's; None for others, or without a login."""
    if not host.endswith(_AZURE_SUFFIXES) or (az := shutil.which("az")) is None:
        return None
    try:
        done = subprocess.run(
            [az, "account", "get-access-token", "--output", "json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_HELPER_SECONDS,
        )
        token = json.loads(done.stdout)["accessToken"] if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None
    return str(token) if token else None


def _config_files() -> list[Path]:
    docker = os.environ.get("DOCKER_CONFIG")
    places = [Path(docker) if docker else Path.home() / ".docker"]
    files = [place / "config.json" for place in places]
    if os.environ.get("REGISTRY_AUTH_FILE"):
        files.append(Path(os.environ["REGISTRY_AUTH_FILE"]))
    elif os.environ.get("XDG_RUNTIME_DIR"):
        files.append(Path(os.environ["XDG_RUNTIME_DIR"], "containers", "auth.json"))
    return files


def _read(place: Path) -> dict[str, Any]:
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _from_config(config: dict[str, Any], key: str) -> Credentials | None:
    helper = (config.get("credHelpers") or {}).get(key) or config.get("credsStore")
    if helper and (found := _from_helper(str(helper), key)):
        return found
    auths = config.get("auths") or {}
    entry = next((auths[name] for name in (key, f"https://{key}", f"https://{key}/") if name in auths), None)
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        return Credentials(refresh_token=str(entry["identitytoken"]))
    try:
        user, _, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
    except (KeyError, ValueError):
        return None
    return Credentials(user, password)


def _from_helper(name: str, key: str) -> Credentials | None:
    program = f"docker-credential-{name}"
    try:
        done = subprocess.run(
            [program, "get"],
            input=key,
            capture_output=True,
            text=True,
            check=False,
            timeout=_HELPER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _helper_failed(program, key, str(getattr(error, "strerror", None) or error)) from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        if _NOT_FOUND in said:
            return None
        raise _helper_failed(program, key, said)
    try:
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise _helper_failed(program, key, "its answer is not credentials") from None
    return Credentials(refresh_token=secret) if user == "<token>" else Credentials(user, secret)


def _helper_failed(program: str, key: str, said: str) -> ImageError:
    return ImageError(
        f"the credential helper {program}, which Docker's settings name for {key}, failed.",
        code="TOC-IMAGE-046",
        where="~/.docker/config.json",
        fix=f"log in again, with `docker login {key}` or `az acr login`; or mend the settings.",
        details=said[-1000:],
    )
