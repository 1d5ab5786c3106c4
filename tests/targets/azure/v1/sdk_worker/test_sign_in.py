"""The order of ways to sign in, and what is said of those left out."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from toc_build.targets.azure.v1.sdk_worker import sign_in
from toc_build.targets.azure.v1.sdk_worker.channel import Failure

PRINCIPAL = {
    "AZUREML_SERVICE_PRINCIPAL_TENANT_ID": "11111111-1111-1111-1111-111111111111",
    "AZUREML_SERVICE_PRINCIPAL_ID": "22222222-2222-2222-2222-222222222222",
    "AZUREML_SERVICE_PRINCIPAL_PASSWORD": "s3cr3t",
}


@pytest.fixture(autouse=True)
def no_machine_of_azure_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "_answers", lambda _address: False)


def choose(environ: dict[str, str], interactive: bool = False) -> sign_in.Chosen:
    return sign_in.choose(interactive=interactive, tell=lambda _text: None, environ=environ)


def test_nothing_is_set_up() -> None:
    with pytest.raises(Failure) as raised:
        choose({"PATH": "/nowhere"})
    assert raised.value.kind == "no-sign-in"
    ways = [way for way, _ in raised.value.more["skipped"]]
    assert ways == ["service principal", "managed identity", "Azure CLI", "interactive"]


def test_a_secret_without_its_name_is_a_mistake() -> None:
    with pytest.raises(Failure) as raised:
        choose({"AZURE_CLIENT_SECRET": "s3cr3t", "PATH": "/nowhere"})
    assert raised.value.kind == "half-sign-in"
    assert raised.value.more["missing"] == ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"]
    assert "s3cr3t" not in raised.value.message


def test_the_azure_cli_that_is_not_signed_in(tmp_path: Path) -> None:
    pytest.importorskip("azureml.core")
    program = tmp_path / "az"
    program.write_text("#!/bin/sh\necho 'Please run az login' >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(Failure) as raised:
        choose({"PATH": f"{tmp_path}:/usr/bin:/bin"})
    reasons = dict(raised.value.more["skipped"])
    assert "Please run az login" in reasons["Azure CLI"]
