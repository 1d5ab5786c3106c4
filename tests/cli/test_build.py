"""`toc-build build`: as a user runs it; the base pinned, the outputs written, mistakes explained."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.image_builds import base_files, write_base

from toc_build.cli import main
from toc_build.repository import Repository, load

Make = Callable[..., Repository]


def built(repository: Repository, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    capsys.readouterr()
    assert main(["build", "-C", str(repository.root), "--json", *options]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_base_is_pinned_once(
    repository: Repository, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = repository.deploy_path.read_text()

    first = built(repository, capsys)

    after = repository.deploy_path.read_text()
    digest = str(first["base"]).partition("@")[2]
    assert after == before.replace("base: oci:../base", f"base: oci:../base@{digest}")
    assert built(repository, capsys) == first
    assert repository.deploy_path.read_text() == after


def test_a_base_that_changed_is_refused_until_it_is_taken_on_purpose(
    repository: Repository, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    first = built(repository, capsys)
    shutil.rmtree(base)
    write_base(base, {**base_files(), "etc/new": "!"})

    assert main(["build", "-C", str(repository.root)]) == 2
    assert "TOC-IMAGE-031" in capsys.readouterr().err

    second = built(repository, capsys, "--update-base")
    assert second["base"] != first["base"]
    assert str(second["base"]).partition("@")[2] in repository.deploy_path.read_text()


def test_layout_and_archive_are_written(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, archive = tmp_path / "out" / "layout", tmp_path / "image.tar"
    layout.parent.mkdir()

    made = built(repository, capsys, "--oci", str(layout), "--archive", str(archive))

    index = json.loads((layout / "index.json").read_text())
    assert index["manifests"][0]["digest"] == made["digest"]
    with tarfile.open(archive) as found:
        manifest = json.loads(found.extractfile("manifest.json").read())  # type: ignore[union-attr]
        assert manifest[0]["RepoTags"] == [made["name"]]
        assert all(found.getmember(name) for name in manifest[0]["Layers"])
        assert manifest[0]["Config"].rpartition("/")[2] == str(made["config_digest"])[7:]


@pytest.mark.parametrize("option", ["--oci", "--archive"])
def test_an_output_that_cannot_be_written_is_said(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    (tmp_path / "a file").write_text("")

    assert main(["build", "-C", str(repository.root), option, str(tmp_path / "a file" / "x")]) == 2
    assert "TOC-IMAGE-003" in capsys.readouterr().err


def test_an_export_replaces_nothing_that_is_there(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")

    assert main(["build", "-C", str(repository.root), "--oci", str(tmp_path / "mine")]) == 2
    assert (tmp_path / "mine" / "file").read_text() == "mine"


def test_a_context_is_written_instead(
    repository: Repository, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "-C", str(repository.root), "--dockerfile", str(tmp_path / "context")]) == 0

    assert (tmp_path / "context" / "Dockerfile").is_file()
    assert not (cache / "images" / "layouts").exists()
    assert "docker build" in capsys.readouterr().err


def test_a_lock_that_does_not_match_conda_yml_builds_nothing(
    repository: Repository, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conda = repository.conda_path.read_text()
    repository.conda_path.write_text(conda.replace("tensorflow-cpu>=2.16", "tensorflow-cpu>=2.17"))

    assert main(["build", "-C", str(repository.root)]) == 2

    assert "TOC-LOCK-004" in capsys.readouterr().err
    assert not (cache / "images").exists()


def test_a_base_with_another_python_is_explained(
    make_repository: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = make_repository(image="  base: oci:../another\n")
    write_base(repository.root.parent / "another", base_files("3.9"))

    assert main(["build", "-C", str(repository.root)]) == 2

    said = capsys.readouterr().err
    assert "TOC-IMAGE-032" in said
    assert "Traceback" not in said


def test_an_unknown_platform_is_refused(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "-C", str(repository.root), "--platform", "windows/amd64"]) == 2
    assert "TOC-IMAGE-033" in capsys.readouterr().err


def test_the_revision_can_be_given(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = built(repository, capsys, "--revision", "r7")

    config = Path(str(made["layout"]), "blobs/sha256", str(made["config_digest"])[7:]).read_text()
    assert '"org.opencontainers.image.revision":"r7"' in config


def test_pinning_keeps_the_file_as_the_user_wrote_it(make_repository: Make) -> None:
    repository = make_repository(image="  prune: true  # small\n  base: oci:../base   # ours\n")

    assert main(["build", "-C", str(repository.root)]) == 0

    text = repository.deploy_path.read_text()
    assert "  prune: true  # small\n" in text
    assert "   # ours\n" in text
    assert load(repository.root).config.image.prune


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--archive", "/"], "TOC-IMAGE-003"),
        (["--oci", "."], "TOC-IMAGE-003"),
        (["--load"], "TOC-ENGINE-004"),
    ],
)
def test_what_cannot_be_written_to_is_said_before_anything_is_built(
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: str,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    assert main(["build", "-C", str(repository.root), *options]) == 2

    assert code in capsys.readouterr().err
    assert not (tmp_path / "toc-build-cache" / "images").exists()
