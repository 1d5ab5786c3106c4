"""`find_credentials`: Docker's and podman's files, credential helpers, the Azure login."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from toc_build.errors import ImageError
from toc_build.image.registry.credentials import Credentials, azure_access_token, find_credentials

HOST = "registry.example.org"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any login."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "bin").mkdir()
    (tmp_path / "docker").mkdir()
    return tmp_path


def settings(home: Path, **values: object) -> None:
    (home / "docker" / "config.json").write_text(json.dumps(values))


def program(home: Path, name: str, script: str) -> None:
    path = home / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_a_login_there_are_none() -> None:
    assert find_credentials(HOST) is None


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"https://{HOST}/"])
def test_a_user_and_a_password(home: Path, key: str) -> None:
    settings(home, auths={key: {"auth": base64.b64encode(b"me:a:b").decode()}})

    assert find_credentials(HOST) == Credentials("me", "a:b")


def test_docker_hub_has_a_key_of_its_own(home: Path) -> None:
    settings(home, auths={"https://index.docker.io/v1/": {"auth": base64.b64encode(b"me:pw").decode()}})

    assert find_credentials("docker.io") == Credentials("me", "pw")


def test_a_token(home: Path) -> None:
    settings(home, auths={HOST: {"auth": "AAAA", "identitytoken": "t"}})

    assert find_credentials(HOST) == Credentials(refresh_token="t")


def test_a_helper_for_one_registry_comes_before_the_store_for_all(home: Path) -> None:
    settings(home, credHelpers={HOST: "one"}, credsStore="all")
    program(
        home,
        "docker-credential-one",
        """read host; echo "{\\"Username\\":\\"$host\\",\\"Secret\\":\\"s\\"}" """,
    )

    assert find_credentials(HOST) == Credentials(HOST, "s")


def test_a_helpers_token(home: Path) -> None:
    settings(home, credsStore="all")
    program(home, "docker-credential-all", """echo '{"Username":"<token>","Secret":"r"}'""")

    assert find_credentials(HOST) == Credentials(refresh_token="r")


def test_a_helper_that_knows_nothing_leaves_it_to_the_file(home: Path) -> None:
    settings(home, credsStore="all", auths={HOST: {"auth": base64.b64encode(b"me:pw").decode()}})
    program(home, "docker-credential-all", "echo credentials not found in native keychain; exit 1")

    assert find_credentials(HOST) == Credentials("me", "pw")


@pytest.mark.parametrize("script", ["echo the keychain is locked >&2; exit 1", "echo no json"])
def test_a_helper_that_fails_is_named(home: Path, script: str) -> None:
    settings(home, credsStore="all")
    program(home, "docker-credential-all", script)

    with pytest.raises(ImageError, match="docker-credential-all") as caught:
        find_credentials(HOST)

    assert caught.value.code == "TOC-IMAGE-046"


def test_a_helper_that_is_not_installed_is_named(home: Path) -> None:
    settings(home, credsStore="gone")

    with pytest.raises(ImageError, match="docker-credential-gone"):
        find_credentials(HOST)


def test_podmans_file(home: Path) -> None:
    place = home / "run" / "containers" / "auth.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({"auths": {HOST: {"auth": base64.b64encode(b"pod:man").decode()}}}))

    assert find_credentials(HOST) == Credentials("pod", "man")


def test_a_damaged_file_is_as_none(home: Path) -> None:
    (home / "docker" / "config.json").write_text("{")

    assert find_credentials(HOST) is None


def test_secrets_are_not_shown() -> None:
    assert "hidden" not in repr(Credentials("me", "hidden", "hidden"))


def test_the_azure_login_is_asked_for_azures_registries_alone(home: Path) -> None:
    program(home, "az", """echo '{"accessToken": "an Azure token"}'""")

    assert azure_access_token("example.azurecr.io") == "an Azure token"
    assert azure_access_token(HOST) is None


def test_without_an_azure_login_there_is_no_token(home: Path) -> None:
    assert azure_access_token("example.azurecr.io") is None
    program(home, "az", "echo Please run az login >&2; exit 1")
    assert azure_access_token("example.azurecr.io") is None
