"""The rehearsal's own authority."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from toc_build.rehearsal.tls import certificates


def test_it_stays_the_same_and_what_was_trusted_before_still_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = certificates(tmp_path / "company").authority
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(company))
    first = certificates(tmp_path / "tls")
    authority = first.authority.read_bytes()
    assert certificates(tmp_path / "tls").authority.read_bytes() == authority
    context = ssl.create_default_context(cafile=str(first.bundle))
    assert len(context.get_ca_certs()) == 2
    assert (tmp_path / "tls" / "authority.key").stat().st_mode & 0o077 == 0
