"""`toc-build image`: push, tag, sbom and why against a real registry, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from support.cosign import put_cosign
from support.engine import Registry

from toc_build.cli import main
from toc_build.repository import Repository


def pushed(
    repository: Repository, name: str, capsys: pytest.CaptureFixture[str], *options: str
) -> dict[str, object]:
    capsys.readouterr()
    assert main(["image", "push", name, "-C", str(repository.root), "--json", *options]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def manifest(registry: Registry, repository: str, reference: str) -> httpx.Response:
    accept = "application/vnd.oci.image.manifest.v1+json"
    return httpx.get(
        f"http://{registry.address}/v2/{repository}/manifests/{reference}",
        headers={"Accept": accept},
        trust_env=False,
    )


def test_an_image_is_pushed_once_and_then_only_what_changed(
    repository: Repository, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{registry.address}/push/one"
    first = pushed(repository, f"{name}:1", capsys, "--tag", "prod")

    digest = str(first["image"]).partition("@")[2]
    for reference in ("1", "prod", digest):
        assert manifest(registry, "push/one", reference).headers["Docker-Content-Digest"] == digest
    assert first["present_bytes"] == 0

    assert pushed(repository, name, capsys)["sent_bytes"] == 0

    repository.script.write_text("def init(): ...\ndef run(request): return 3\n")
    second = pushed(repository, name, capsys)
    sent = [item["size"] for item in second["blobs"] if item["sent"]]  # type: ignore[attr-defined]
    assert len(sent) == 2, "the code and the configuration"
    assert sum(sent) == second["sent_bytes"]


def test_the_sbom_comes_back_from_the_registry_as_it_is_here(
    repository: Repository, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    done = pushed(repository, f"{registry.address}/push/two:1", capsys)

    documents = []
    for arguments in ([str(done["image"])], [f"{registry.address}/push/two:1"], ["-C", str(repository.root)]):
        assert main(["image", "sbom", *arguments]) == 0
        documents.append(capsys.readouterr().out)

    assert documents[0] == documents[1] == documents[2]
    assert json.loads(documents[0])["bomFormat"] == "CycloneDX"


def test_a_tag_is_given_without_sending_a_blob(
    repository: Repository, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    done = pushed(repository, f"{registry.address}/push/three:1", capsys)
    seen = len(registry.log)

    assert main(["image", "tag", str(done["image"]), "blue", "green"]) == 0

    assert manifest(registry, "push/three", "green").status_code == 200
    assert not any("/blobs/uploads/" in line for line in registry.log[seen:])


def test_the_base_is_taken_from_a_registry_and_pinned(
    repository: Repository, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pushed(repository, f"{registry.address}/bases/python:3", capsys)
    text = repository.deploy_path.read_text()
    start = text.index("  base: ")
    repository.deploy_path.write_text(f"{text[:start]}  base: {registry.address}/bases/python:3\n")

    done = pushed(repository, f"{registry.address}/push/four", capsys)

    pinned = f"base: {registry.address}/bases/python:3@{str(image['image']).partition('@')[2]}"
    assert pinned in repository.deploy_path.read_text()
    assert sum(not item["sent"] for item in done["blobs"]) == 4, "the base's layers are mounted"  # type: ignore[attr-defined]


def test_why_says_where_the_bytes_are(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "why", "-C", str(repository.root)]) == 0

    said = capsys.readouterr().out
    assert "environment" in said
    assert "opencv-python-headless" in said
    assert "ai-edge-litert in place of tensorflow-cpu" in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["push"], "TOC-IMAGE-049"),
        (["push", "Not A Name"], "TOC-IMAGE-040"),
        (["tag", "r.example.org/a:1", "not a tag"], "TOC-IMAGE-040"),
        (["sign", "r.example.org/a:1", "--key", "k"], "TOC-IMAGE-06"),
    ],
)
def test_mistakes_are_explained(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: str,
) -> None:
    monkeypatch.chdir(repository.root)

    assert main(["image", *arguments]) == 2

    said = capsys.readouterr().err
    assert code in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["127.0.0.1:9"], "TOC-IMAGE-040"),
        (["localhost:9"], "TOC-IMAGE-040"),
        ([f"127.0.0.1:9/a@sha256:{'1' * 64}"], "TOC-IMAGE-040"),
        (["127.0.0.1:9/a", "--tag", "not a tag"], "TOC-IMAGE-040"),
        (["127.0.0.1:9/a", "--sign", "no.key"], "TOC-IMAGE-065"),
        ([], "TOC-IMAGE-049"),
    ],
)
def test_what_cannot_be_pushed_is_said_before_anything_is_built(
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: str,
) -> None:
    monkeypatch.setenv("PATH", put_cosign(tmp_path / "bin"))

    assert main(["image", "push", *arguments, "-C", str(repository.root)]) == 2

    assert code in capsys.readouterr().err
    assert not (tmp_path / "toc-build-cache" / "images").exists()
