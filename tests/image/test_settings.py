"""`ImageSettings.of`: what deploy.yml says, and what git and cruft know."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.repository_files import DEPLOY, write_repository

from toc_build.image import ImageSettings
from toc_build.repository import load


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_an_old_deploy_yml_gives_the_official_python(tmp_path: Path) -> None:
    settings = ImageSettings.of(load(write_repository(tmp_path / "r")))

    assert settings.base == "docker.io/library/python:3.11-slim-bookworm"
    assert (settings.platform, settings.prune, settings.port) == ("linux/amd64", True, 5001)
    assert (settings.workers, settings.threads, settings.timeout_seconds) == (1, 4, 60)


def test_a_base_in_a_folder_is_found_from_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_repository(tmp_path / "r", deploy=f"{DEPLOY}image:\n  base: oci:../base\n")
    monkeypatch.chdir("/")

    assert ImageSettings.of(load(root)).base == f"oci:{root / '..' / 'base'}"


def test_the_revision_is_of_what_the_bundle_is_made_from(tmp_path: Path) -> None:
    root = write_repository(tmp_path / "r")
    (root / "requirements.lock").write_text("")
    assert ImageSettings.of(load(root)).revision is None, "outside git there is none"

    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    first = git(root, "rev-parse", "HEAD")
    assert ImageSettings.of(load(root)).revision == first

    (root / "NOTES.md").write_text("notes")
    git(root, "add", ".")
    git(root, "commit", "-qm", "two")
    assert ImageSettings.of(load(root)).revision == first, "a note is no part of the bundle"

    (root / "scoring/score.py").write_text("def init(): ...\ndef run(request): return 2\n")
    assert ImageSettings.of(load(root)).revision is None, "what is not committed has no revision"

    git(root, "commit", "-qam", "three")
    assert ImageSettings.of(load(root)).revision == git(root, "rev-parse", "HEAD")


def test_a_clone_that_is_too_shallow_to_tell_has_no_revision(tmp_path: Path) -> None:
    root = write_repository(tmp_path / "r")
    (root / "requirements.lock").write_text("")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    (root / "NOTES.md").write_text("notes")
    git(root, "add", ".")
    git(root, "commit", "-qm", "two")

    for depth, found in (("1", None), ("9", ImageSettings.of(load(root)).revision)):
        clone = tmp_path / f"clone-{depth}"
        git(tmp_path, "clone", "-q", "--depth", depth, f"file://{root}", str(clone))
        assert ImageSettings.of(load(clone)).revision == found


def test_the_templates_version_is_crufts(tmp_path: Path) -> None:
    root = write_repository(tmp_path / "r")
    (root / ".cruft.json").write_text('{"template": "x", "commit": "abc123", "checkout": null}')

    assert ImageSettings.of(load(root)).template_version == "abc123"


def test_samples_are_the_images_with_expected_detections(tmp_path: Path) -> None:
    root = write_repository(tmp_path / "r")
    (root / "samples/b.png").write_bytes(b"")
    (root / "samples/b.json").write_text("[]")

    assert ImageSettings.of(load(root)).samples == (root / "samples/b.png",)
