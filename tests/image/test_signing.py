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
    """The only folder of programs besides the system's; the working folder has the keys."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    for key in ("cosign.key", "cosign.pub"):
        Path(key).touch()
    return folder


def asked_of(programs: Path, help_text: str) -> list[str]:
    """What a cosign whose help says so is asked for a signature."""
    cosign(programs, f"""[ "$2" = --help ] && echo '{help_text}' || printf '"%s"\\n' "$@" >> asked""")
    sign(NAME, Path("cosign.key"))
    return [json.loads(line) for line in Path("asked").read_text().splitlines()]


def cosign(programs: Path, script: str) -> Path:
    path = programs / "cosign"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_cosign_is_asked_for_the_digest_with_the_key(programs: Path, tmp_path: Path) -> None:
    asked = asked_of(programs, "--tlog-upload")
    assert asked == ["sign", "--yes", "--tlog-upload=false", "--key", "cosign.key", str(NAME)]

    verify(ImageName.parse(f"127.0.0.1:5000/a@{DIGEST}"), Path("cosign.pub"))

    asked = [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    at = asked.index("verify")
    assert asked[at + 2 : at + 4] == ["--key", "cosign.pub"]
    assert "--allow-http-registry" in asked[at:]
    assert asked[-1] == f"127.0.0.1:5000/a@{DIGEST}"


@pytest.mark.parametrize(
    ("help_text", "options"),
    [
        ("--tlog-upload --use-signing-config", ["--tlog-upload=false", "--use-signing-config=false"]),
        ("--signing-config --offline", ["--offline"]),
        ("", ["--tlog-upload=false"]),
    ],
)
def test_a_newer_cosign_keeps_out_of_public_logs_too(
    programs: Path, help_text: str, options: list[str]
) -> None:
    assert asked_of(programs, help_text) == ["sign", "--yes", *options, "--key", "cosign.key", str(NAME)]


def test_a_cosign_that_takes_services_from_a_file_is_given_one_without(programs: Path) -> None:
    script = """[ "$2" = --help ] && echo --signing-config || cat "$4" > "{services}" """
    cosign(programs, script.format(services=programs / "services"))

    sign(NAME, "azurekms://vault/key")

    found = json.loads((programs / "services").read_text())
    assert found.pop("mediaType").startswith("application/vnd.dev.sigstore.signingconfig")
    assert not any(found.values())


@pytest.mark.parametrize("action", [sign, verify])
def test_a_key_that_is_not_there(programs: Path, action: object) -> None:
    cosign(programs, "exit 0")

    with pytest.raises(ImageError, match=r"no key lost\.pub") as caught:
        action(NAME, Path("lost.pub"))  # type: ignore[operator]

    assert caught.value.code == "TOC-IMAGE-065"


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
