"""What looks like a secret, and what only sounds like one."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repository_files import CONDA, DEPLOY, write_repository

from toc_build.errors import RepositoryError
from toc_build.repository import load
from toc_build.repository.secrets import looks_like, named_like_secret

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"  # gitleaks:allow
SECRETS = [
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==",
    "Endpoint=sb://a.example/;SharedAccessKey=hunter2",
    "https://a.blob.core.windows.net/c?sv=2020&sig=hunter2",
    "SharedAccessSignature sr=hunter2",
    JWT,
    "https://me:hunter2@example.org/x",
    "postgres://:hunter2@db",
    "https://hunter2hunter2hunter2@example.org/x.git",
    "-----BEGIN RSA PRIVATE KEY-----",
    "ghp_hunter2hunter2hunter2hunter2",
]


@pytest.mark.parametrize("value", SECRETS)
def test_values(value: str) -> None:
    assert looks_like(value)


@pytest.mark.parametrize(
    "value",
    [
        "ocean-team",
        "https://example.org/a?b=c",
        "https://me@example.org",
        "https://me:${PASSWORD}@example.org",
        "sig",
        "a:b@c",
    ],
)
def test_plain_values(value: str) -> None:
    assert looks_like(value) is None


@pytest.mark.parametrize(
    "key", ["primary_key", "key", "sas_token", "sasToken", "PASSWORD", "client-secret", "connection_string"]
)
def test_keys(key: str) -> None:
    assert named_like_secret(key)


@pytest.mark.parametrize("key", ["keyboard", "monkey", "tokenizer", "owner", "cpu_cores", "basket"])
def test_plain_keys(key: str) -> None:
    assert not named_like_secret(key)


@pytest.mark.parametrize("value", SECRETS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("owner: ocean-team", "owner: '{}'"),
        ("labels: [bottle, can, bag]", "labels: ['{}']"),
        ("team: ocean", "team: '{}'"),
        ("framework: tensorflow", "framework: '{}'"),
        ("threads: 4", "threads: '{}'"),
        ("  workers: 1", "  workers: ['{}']"),
        ("  workers: 1", "  password: '{}'"),
        ("  workers: 1", "  workerss: '{}'"),
        ("  path: model", "  path: '{}'"),
    ],
)
def test_no_message_repeats_a_secret(value: str, old: str, new: str, tmp_path: Path) -> None:
    write_repository(tmp_path, deploy=DEPLOY.replace(old, new.format(value)))
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path)
    assert "TOC-DEPLOY-024" in [problem.code for problem in raised.value.problems]
    assert value not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "line", ["--index-url https://me:hunter2@example.org/simple", "git+https://me:hunter2@example.org/x.git"]
)
def test_conda_messages_do_not_repeat_it_either(line: str, tmp_path: Path) -> None:
    write_repository(tmp_path, conda=CONDA + f"      - {line}\n")
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path)
    assert raised.value.code == "TOC-CONDA-040"
    assert "hunter2" not in str(raised.value)


def test_known_keys_that_sound_like_secrets_are_none(tmp_path: Path) -> None:
    ssl = "    ssl: {cname: a.example.org, cert_pem_file: tls/cert.pem, key_pem_file: tls/key.pem}\n"
    write_repository(tmp_path, deploy=DEPLOY.replace("    auth_enabled: true\n", ssl))
    aci = load(tmp_path).config.targets.aci
    assert aci
    assert aci.ssl
    assert aci.ssl.key_pem_file == "tls/key.pem"
