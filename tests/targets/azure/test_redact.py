"""Secrets in texts of others' are hidden, and nothing else is."""

from __future__ import annotations

import pytest

from toc_build.targets.azure.redact import secrets

PLANTED = "S3cr3tValue0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://a.blob.core.windows.net/c/b?sv=2020&sig={PLANTED}&se=2026",
        f"put to the address with sig={PLANTED}",
        f"Authorization: Bearer {PLANTED}",
        f"'Authorization': 'Bearer {PLANTED}'",
        f"git@: https://user:{PLANTED}@github.com/ocean/litter.git",
        f"https://{PLANTED}@github.com/ocean/litter.git",
        f'{{"primaryKey": "{PLANTED}", "secondaryKey": "{PLANTED}"}}',
        f"{{'primaryKey': '{PLANTED}'}}",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={PLANTED};EndpointSuffix=core.windows.net",
        f"client_secret={PLANTED}&grant_type=client_credentials",
        f"password: {PLANTED}",
        f"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{PLANTED}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_hidden(text: str) -> None:
    shown = secrets(text)
    assert PLANTED not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        'File "/var/azureml-app/code/score.py", line 12, in init',
        "KeyError: 'threshold'",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "see https://aka.ms/debugimage#dockerlog",
        "the token has expired; the key is missing",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert secrets(text) == text
