"""Signs images in a registry, and checks signatures, with cosign where that is installed.

A key pair is enough: nothing is sent to a public log, and nobody else is asked.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from toc_build.errors import ImageError
from toc_build.image.registry.name import ImageName

_SECONDS = 120


def sign(name: ImageName, key: Path) -> None:
    """Signs an image; the signature stands beside it in the registry.

    Args:
        name: with the digest, so that what is signed is what was built.
        key: the private key; cosign reads its password from COSIGN_PASSWORD, or asks.

    Raises:
        ImageError: cosign is not installed, or fails.
    """
    _cosign(name, ["sign", "--yes", "--tlog-upload=false", "--key", str(key)], "signed")


def verify(name: ImageName, key: Path) -> None:
    """Checks that an image is signed with a key.

    Args:
        name: with the digest.
        key: the public key.

    Raises:
        ImageError: it is not, or cosign is not installed, so that nobody knows.
    """
    _cosign(name, ["verify", "--insecure-ignore-tlog=true", "--key", str(key)], "verified")


def _cosign(name: ImageName, arguments: Sequence[str], done: str) -> None:
    program = shutil.which("cosign")
    if program is None:
        raise ImageError(
            f"{name} cannot be {done}: cosign is not installed.",
            code="TOC-IMAGE-060",
            fix="install it: https://docs.sigstore.dev/cosign/system_config/installation/",
        )
    if name.digest is None:
        raise ImageError(
            f"{name} is named by a tag, which may name another image tomorrow.",
            code="TOC-IMAGE-061",
            fix="name it by its digest: REGISTRY/PATH@sha256:..., as `toc-build image push` prints it.",
        )
    plain = ["--allow-http-registry"] if name.api.startswith("http:") else []
    try:
        finished = subprocess.run(
            [program, *arguments, *plain, str(name)],
            stdin=None,  # cosign may ask for a password
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(name, done, str(error)) from None
    if finished.returncode:
        raise _failed(name, done, finished.stderr)


def _failed(name: ImageName, done: str, said: str) -> ImageError:
    return ImageError(
        f"{name} was not {done}.",
        code="TOC-IMAGE-062",
        fix="do not run an image whose signature does not hold; see cosign's own words."
        if done == "verified"
        else "see cosign's own words.",
        details=said.strip()[-2000:] or None,
    )
