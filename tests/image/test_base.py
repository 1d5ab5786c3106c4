"""`open_base`: layouts and archives, pins that hold, platforms and Pythons that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.image_builds import archive, base_files, write_base

from toc_build.errors import ImageError
from toc_build.image.base import Base, open_base, require_python
from toc_build.image.store import ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def opened(reference: str, store: ImageStore, platform: str = "linux/amd64") -> Base:
    return open_base(reference, platform=platform, store=store, tell=lambda _line: None)


def docker_archive(path: Path, files: dict[str, str]) -> None:
    """What `docker save` writes."""
    import hashlib

    layer = archive(files).decode("latin-1")
    diff_id = f"sha256:{hashlib.sha256(archive(files)).hexdigest()}"
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    listed = [{"Config": "c.json", "RepoTags": ["python:3"], "Layers": ["l/layer.tar"]}]
    texts = {"c.json": json.dumps(config), "manifest.json": json.dumps(listed), "l/layer.tar": layer}
    path.write_bytes(archive(texts))


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain tar"])
def test_a_layout_gives_its_digest_its_python_and_its_packages(
    tmp_path: Path, store: ImageStore, packed: bool
) -> None:
    digest = write_base(tmp_path / "base", base_files("3.11"), packed=packed)

    base = opened(f"oci:{tmp_path / 'base'}", store)

    assert base.pinned == f"oci:{tmp_path / 'base'}@{digest}"
    assert require_python(base, "3.11").path == "usr/bin/python3.11"
    assert base.contents.libc == "manylinux_2_36"
    assert base.contents.system == ("debian", "12")
    assert [(item.name, item.version, item.source) for item in base.contents.packages] == [
        ("libc6", "2.36-9+deb12u13", ""),
        ("libssl3", "3.0.17-1", "openssl"),
    ]
    assert all(store.has(layer.descriptor) for layer in base.layers)


def test_a_docker_archive_will_do(tmp_path: Path, store: ImageStore) -> None:
    docker_archive(tmp_path / "python.tar", base_files("3.12"))

    first = opened(f"docker-archive:{tmp_path / 'python.tar'}", store)
    again = opened(f"docker-archive:{tmp_path / 'python.tar'}", ImageStore(tmp_path / "other"))

    assert require_python(first, "3.12").minor == "3.12"
    assert first.layers == again.layers, "the archive's layers are compressed the same way each time"


def test_a_pin_that_holds_is_quietly_taken(tmp_path: Path, store: ImageStore) -> None:
    digest = write_base(tmp_path / "base")

    assert opened(f"oci:{tmp_path / 'base'}@{digest}", store).digest == digest


def test_a_base_that_changed_since_it_was_pinned_is_refused(tmp_path: Path, store: ImageStore) -> None:
    pinned = write_base(tmp_path / "old")
    write_base(tmp_path / "base", {**base_files(), "etc/backdoor": "!"})

    with pytest.raises(ImageError) as caught:
        opened(f"oci:{tmp_path / 'base'}@{pinned}", store)

    assert caught.value.code == "TOC-IMAGE-031"
    assert "--update-base" in str(caught.value)


def test_a_base_with_another_python_is_refused_with_both_named(tmp_path: Path, store: ImageStore) -> None:
    write_base(tmp_path / "base", base_files("3.11"))

    with pytest.raises(ImageError) as caught:
        require_python(opened(f"oci:{tmp_path / 'base'}", store), "3.12")

    assert caught.value.code == "TOC-IMAGE-032"
    assert "has Python 3.11" in str(caught.value)
    assert "locked for Python 3.12" in str(caught.value)
    assert "python=3.11" in str(caught.value)


def test_a_base_without_python_is_refused(tmp_path: Path, store: ImageStore) -> None:
    write_base(tmp_path / "base", {"etc/os-release": "ID=alpine\n"})

    with pytest.raises(ImageError, match="no Python"):
        require_python(opened(f"oci:{tmp_path / 'base'}", store), "3.12")


def test_a_base_for_another_processor_is_refused(tmp_path: Path, store: ImageStore) -> None:
    write_base(tmp_path / "base")

    with pytest.raises(ImageError) as caught:
        opened(f"oci:{tmp_path / 'base'}", store, platform="linux/arm64")

    assert caught.value.code == "TOC-IMAGE-033"


def test_a_damaged_blob_is_refused(tmp_path: Path, store: ImageStore) -> None:
    write_base(tmp_path / "base")
    blobs = sorted(
        (tmp_path / "base/blobs/sha256").iterdir(), key=lambda path: path.read_bytes()[:2] != b"\x1f\x8b"
    )
    blobs[0].write_bytes(blobs[0].read_bytes()[:-1] + b"?")

    with pytest.raises(ImageError) as caught:
        opened(f"oci:{tmp_path / 'base'}", store)

    assert caught.value.code == "TOC-IMAGE-035"
    assert not list((tmp_path / "images").glob("blobs/*/*"))


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("oci:{folder}/nowhere", "No such file"),
        ("docker-archive:{folder}/nowhere.tar", "No such file"),
        ("docker-archive:{folder}/base/index.json", "not a docker archive"),
        ("oci:{folder}/empty", "OCI layout"),
    ],
)
def test_what_is_no_base_is_said(tmp_path: Path, store: ImageStore, reference: str, says: str) -> None:
    write_base(tmp_path / "base")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "index.json").write_text("{}")

    with pytest.raises(ImageError) as caught:
        opened(reference.format(folder=tmp_path), store)

    assert caught.value.code == "TOC-IMAGE-030"
    assert says in str(caught.value)
