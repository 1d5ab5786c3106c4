"""The rehearsal's own certificate authority: made once for a state folder, trusted by whoever is told to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# Where a machine's own authorities are found, in this order.
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Certificates:
    """Files of the authority.

    Attributes:
        authority: its certificate.
        bundle: the machine's own authorities, and this one.
        chain: the server's key and certificate, for localhost.
    """

    authority: Path
    bundle: Path
    chain: Path


def certificates(folder: Path) -> Certificates:
    """The authority of a state folder, made when it is new."""
    import trustme

    folder.mkdir(parents=True, exist_ok=True)
    found = Certificates(folder / "authority.pem", folder / "bundle.pem", folder / "server.pem")
    key = folder / "authority.key"
    if key.is_file():
        authority = trustme.CA.from_pem(found.authority.read_bytes(), key.read_bytes())
    else:
        authority = trustme.CA(organization_name="toc-build rehearsal")
        _write(key, authority.private_key_pem.bytes())
        _write(found.authority, authority.cert_pem.bytes())
    _write(found.chain, authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.bytes())
    _write(found.bundle, known_authorities() + b"\n" + found.authority.read_bytes())
    return found


def known_authorities() -> bytes:
    """The authorities that programs of this user trust already."""
    for variable in _VARIABLES:
        named = os.environ.get(variable)
        if named and Path(named).is_file():
            return Path(named).read_bytes()
    import certifi

    return Path(certifi.where()).read_bytes()


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.touch(0o600)
    part.write_bytes(content)
    part.replace(path)
