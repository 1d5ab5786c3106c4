"""HTTPS with a certificate of one's own on aci: sent, renewed, taken away; its key is kept nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from support.azure_place import Rehearsal, new_name, version

from toc_build.targets.azure.target import AzureTarget

pytestmark = pytest.mark.end_to_end


def write_certificate(folder: Path, name: str) -> tuple[str, str]:
    """The certificate and the key of a new one."""
    issued = trustme.CA().issue_cert(name)
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return (folder / "cert.pem").read_text(), (folder / "key.pem").read_text()


def keyless(folder: Path, key: str) -> bool:
    """Whether no file below holds a line of the key."""
    line = key.splitlines()[2].encode()
    return not any(line in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_certificate_of_one_s_own(
    cheap: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(cheap.running.bundle))
    name, bundle = new_name("tls"), cheap.bundle("one")
    files = {
        "ssl.cert_pem_file": str(tmp_path / "cert.pem"),
        "ssl.key_pem_file": str(tmp_path / "key.pem"),
    }

    def target(number: int | None) -> AzureTarget:
        own: dict[str, Any] = {"ssl.cname": "litter.example.org", **files, "ssl.certificate": str(number)}
        return cheap.aci(name, **(own if number else {}))

    for number in (1, 2):
        certificate, key = write_certificate(tmp_path, "litter.example.org")
        found = target(number)
        if number == 2:
            assert [one.name for one in found.plan(bundle).changes] == ["ssl.certificate"]
        list(found.apply(bundle))
        sent = cheap.sent("service", name)
        assert (sent["sslEnabled"], sent["cname"]) == (True, "litter.example.org")
        assert sent["sslCertificate"] == certificate
        assert keyless(cheap.running.folder, key)
        uri = str(found.status().scoring_uri)
        assert uri.startswith("https://")
        assert version(uri, found.headers()) == "one"
        assert found.plan(bundle).changes == ()
    plain = target(None)
    assert {one.name for one in plain.plan(bundle).changes} == {"ssl.cname", "ssl.certificate", *files}
    list(plain.apply(bundle))
    assert cheap.sent("service", name)["sslEnabled"] is False
    uri = str(plain.status().scoring_uri)
    assert uri.startswith("http://")
    assert version(uri, plain.headers()) == "one"
    list(plain.delete())
