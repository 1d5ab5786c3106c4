"""Signs images in a registry, and checks signatures, with cosign where that is installed.

A key pair is enough: nothing is sent to a public log, and nobody else is asked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from toc_build.errors import ImageError
from toc_build.image.registry.name import ImageName

_SECONDS = 120
# What cosign says of the option that we gave it, and what it says a second time.
_NOISE = re.compile(
    r"^(?:WARNING: Skipping tlog verification|error during command execution:).*\n?", re.MULTILINE
)
# A signing config of sigstore's that names no service: what a cosign without --tlog-upload takes instead.
_NO_SERVICES = """{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
"rekorTlogConfig": {}, "tsaConfig": {}}
"""


def sign(name: ImageName, key: str | Path, *, password: str | None = None) -> None:
    """Signs an image; the signature stands beside it in the registry.

    Args:
        name: with the digest, so that what is signed is what was built.
        key: the private key's file, or where a vault keeps it, such as `azurekms://...`; cosign reads a
            file's password from COSIGN_PASSWORD.
        password: the file's, in place of that variable.

    Raises:
        ImageError: cosign is not installed, the key is not there, or cosign fails.
    """
    _digested(name, None)
    program = ready(f"{name} cannot be signed", key)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--yes", *_without_services(program, Path(folder)), "--key", str(key)]
        _run(program, name, ["sign", *options], "signed", password)


def verify(name: ImageName, key: str | Path, *, where: str | None = None) -> None:
    """Checks that an image is signed with a key.

    Args:
        name: with the digest.
        key: the public key's file, or where a vault keeps it.
        where: the place that asks for it, for messages.

    Raises:
        ImageError: it is not, or cosign or the key is not there, so that nobody knows.
    """
    _digested(name, where)
    program = ready(f"{name} cannot be verified", key, where=where)
    _run(program, name, ["verify", "--insecure-ignore-tlog=true", "--key", str(key)], "verified")


def ready(what: str, key: str | Path, *, where: str | None = None) -> str:
    """The program cosign, once there is a key for it.

    Args:
        what: what cannot be done otherwise, such as `REGISTRY/PATH cannot be signed`.
        key: the key's file, or where a vault keeps it.
        where: the place that asks for it, for messages.

    Raises:
        ImageError: one of the two is not there.
    """
    program = shutil.which("cosign")
    if program is None:
        raise ImageError(
            f"{what}: cosign is not installed.",
            code="TOC-IMAGE-060",
            where=where,
            fix="install it: https://docs.sigstore.dev/cosign/system_config/installation/",
        )
    if "://" not in str(key) and not Path(key).is_file():
        raise ImageError(
            f"{what}: there is no key {key}.",
            code="TOC-IMAGE-065",
            where=where,
            fix="name the key's file; `cosign generate-key-pair` makes cosign.key, to sign, and cosign.pub, "
            "to check.",
        )
    return program


def _digested(name: ImageName, where: str | None) -> None:
    if name.digest is None:
        raise ImageError(
            f"{name} is named by a tag, which may name another image tomorrow.",
            code="TOC-IMAGE-061",
            where=where,
            fix="name it by its digest: REGISTRY/PATH@sha256:..., as `toc-build image push` prints it.",
        )


def _without_services(program: str, folder: Path) -> list[str]:
    """What keeps a signature out of public logs: the option has had other names since cosign 2.6.

    Source: https://github.com/sigstore/cosign/issues/4778 and 5043, pull request 5059.
    """
    known = _ask(program, ["sign", "--help"])
    if known is None or "--tlog-upload" in known or "--signing-config" not in known:
        unused = ["--use-signing-config=false"] if known and "--use-signing-config" in known else []
        return ["--tlog-upload=false", *unused]
    if "--offline" in known:
        return ["--offline"]
    config = folder / "signing-config.json"
    config.write_text(_NO_SERVICES, encoding="utf-8")
    return ["--signing-config", str(config)]


def _ask(program: str, arguments: Sequence[str]) -> str | None:
    """What cosign says; None when it fails."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout + done.stderr if done.returncode == 0 else None


def _run(
    program: str, name: ImageName, arguments: Sequence[str], done: str, password: str | None = None
) -> None:
    plain = ["--allow-http-registry"] if name.api.startswith("http:") else []
    try:
        finished = subprocess.run(
            [program, *arguments, *plain, str(name)],
            stdin=subprocess.DEVNULL,  # nobody would see what it asks
            env=None if password is None else {**os.environ, "COSIGN_PASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(name, done, str(error)) from None
    if finished.returncode:
        raise _failed(name, done, _NOISE.sub("", finished.stderr))


def _failed(name: ImageName, done: str, said: str) -> ImageError:
    return ImageError(
        f"{name} was not {done}.",
        code="TOC-IMAGE-062",
        fix="do not run an image whose signature does not hold; see cosign's own words."
        if done == "verified"
        else "see cosign's own words; COSIGN_PASSWORD is the key's password, and may be empty.",
        details=said.strip()[-2000:] or None,
    )
