"""A stand-in for cosign where that is not installed: the same signatures in the same places of a registry.

What it signs a real cosign verifies, and the other way round: ECDSA P-256 over a "simple signing" payload,
beside the image under the tag `sha256-<digest>.sig`
(https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md). Only its private keys have no
password. `put_cosign` makes it a program called cosign; it speaks to registries on this machine only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SIGNATURE = "dev.cosignproject.cosign/signature"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def put_cosign(folder: Path) -> str:
    """Makes the program `cosign` in `folder`, and returns a PATH that finds it first."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "cosign"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def make_keys(prefix: Path) -> None:
    """PREFIX.key and PREFIX.pub."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    prefix.with_suffix(".key").write_bytes(
        key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    )
    prefix.with_suffix(".pub").write_bytes(
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )


def sign(name: str, key: Path) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    api, digest = place(name)
    critical = {
        "identity": {"docker-reference": name.partition("@")[0]},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    payload = json.dumps({"critical": critical, "optional": None}).encode()
    signature = base64.b64encode(loaded.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()
    layer = {**upload(api, payload, PAYLOAD), "annotations": {SIGNATURE: signature}}
    settings = {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    config = upload(api, json.dumps({**settings, "config": {}}).encode(), CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    ask("PUT", f"{api}/manifests/{tag(digest)}", json.dumps(manifest).encode(), MANIFEST)


def verify(name: str, key: Path) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    loaded = serialization.load_pem_public_key(key.read_bytes())
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    api, digest = place(name)
    try:
        signatures = json.loads(ask("GET", f"{api}/manifests/{tag(digest)}", kind=MANIFEST)[0])
    except urllib.error.HTTPError:
        sys.exit("Error: no signatures found")
    for layer in signatures["layers"]:
        payload, _ = ask("GET", f"{api}/blobs/{layer['digest']}")
        try:
            signature = base64.b64decode(layer["annotations"][SIGNATURE])
            loaded.verify(signature, payload, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        if json.loads(payload)["critical"]["image"]["docker-manifest-digest"] == digest:
            return
    sys.exit("Error: no matching signatures: invalid signature when validating ASN.1 encoded signature")


def place(name: str) -> tuple[str, str]:
    """The URL of an image's repository, and the image's digest."""
    repository, _, digest = name.partition("@")
    host, _, path = repository.partition("/")
    return f"http://{host}/v2/{path}", digest


def tag(digest: str) -> str:
    return f"{digest.replace(':', '-')}.sig"


def upload(api: str, data: bytes, kind: str) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    _, headers = ask("POST", f"{api}/blobs/uploads/", b"")
    ask("PUT", f"{headers['Location']}&digest={digest}", data, "application/octet-stream")
    return {"mediaType": kind, "size": len(data), "digest": digest}


def ask(method: str, url: str, data: bytes | None = None, kind: str = "") -> tuple[bytes, Any]:
    headers = {"Content-Type": kind, "Accept": kind} if kind else {}
    request = urllib.request.Request(url, data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return answer.read(), answer.headers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["generate-key-pair", "sign", "verify"])
    parser.add_argument("--key", type=Path)
    parser.add_argument("--output-key-prefix", type=Path, default=Path("cosign"))
    for flag in ("--yes", "--allow-http-registry"):
        parser.add_argument(flag, action="store_true")
    for flag in ("--tlog-upload", "--insecure-ignore-tlog"):
        parser.add_argument(flag)
    parser.add_argument("name", nargs="?")
    asked = parser.parse_intermixed_args()
    if asked.command == "generate-key-pair":
        make_keys(asked.output_key_prefix)
    else:
        {"sign": sign, "verify": verify}[asked.command](asked.name, asked.key)


if __name__ == "__main__":
    main()
