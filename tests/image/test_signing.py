"""`sign` and `verify`: what cosign is asked, and what its absence and its refusal mean."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.engine import Registry
from support.image_layouts import make_image

from toc_build.errors import ImageError
from toc_build.image.registry import push
from toc_build.image.registry.client import Connection
from toc_build.image.registry.name import ImageName
from toc_build.image.signing import sign, verify

DIGEST = "sha256:" + "1" * 64
NAME = ImageName.parse(f"registry.example.org/a/b@{DIGEST}")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs besides the system's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def cosign(programs: Path, script: str) -> Path:
    path = programs / "cosign"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_cosign_is_asked_for_the_digest_with_the_key(programs: Path, tmp_path: Path) -> None:
    cosign(programs, f"""printf '"%s"\\n' "$@" >> {tmp_path / "asked"}""")

    sign(NAME, Path("cosign.key"))
    verify(ImageName.parse(f"127.0.0.1:5000/a@{DIGEST}"), Path("cosign.pub"))

    asked = [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    at = asked.index("verify")
    assert asked[:at] == ["sign", "--yes", "--tlog-upload=false", "--key", "cosign.key", str(NAME)]
    assert asked[at + 2 : at + 4] == ["--key", "cosign.pub"]
    assert "--allow-http-registry" in asked[at:]
    assert asked[-1] == f"127.0.0.1:5000/a@{DIGEST}"


@pytest.mark.parametrize("action", [sign, verify])
def test_without_cosign_nobody_says_that_it_holds(
    programs: Path, monkeypatch: pytest.MonkeyPatch, action: object
) -> None:
    monkeypatch.setenv("PATH", str(programs))

    with pytest.raises(ImageError) as caught:
        action(NAME, Path("key"))  # type: ignore[operator]

    assert caught.value.code == "TOC-IMAGE-060"


def test_a_tag_is_not_signed(programs: Path) -> None:
    cosign(programs, "exit 0")

    with pytest.raises(ImageError) as caught:
        sign(ImageName.parse("registry.example.org/a:1"), Path("key"))

    assert caught.value.code == "TOC-IMAGE-061"


def test_a_signature_that_does_not_hold_is_an_error_with_cosigns_words(programs: Path) -> None:
    cosign(programs, "echo 'no matching signatures' >&2; exit 12")

    with pytest.raises(ImageError, match="not verified") as caught:
        verify(NAME, Path("cosign.pub"))

    assert caught.value.code == "TOC-IMAGE-062"
    assert "no matching signatures" in str(caught.value)


@pytest.mark.skipif(shutil.which("cosign") is None, reason="cosign is not installed; signing is optional")
def test_a_real_signature_holds_for_its_key_alone(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "secret")
    for prefix in ("ours", "theirs"):
        command = ["cosign", "generate-key-pair", "--output-key-prefix", prefix]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    image = make_image(tmp_path / "image", [{"a": b"1"}], "signed:1")
    name = ImageName.parse(f"{registry.address}/signed/it")
    with Connection(name, push=True) as line:
        digested = push(image, line).name

    sign(digested, tmp_path / "ours.key")

    verify(digested, tmp_path / "ours.pub")
    with pytest.raises(ImageError) as caught:
        verify(digested, tmp_path / "theirs.pub")
    assert caught.value.code == "TOC-IMAGE-062"
