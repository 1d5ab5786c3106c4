"""`write_layer`: the same bytes whatever order, time and mode files come with; sorted, owned by root."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest
from support.image_builds import read_layer

from toc_build.image import layer as layer_module
from toc_build.image.layer import Entry, tree, write_layer
from toc_build.image.store import ImageStore


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def test_order_times_and_odd_modes_are_of_no_account(tmp_path: Path, store: ImageStore) -> None:
    digests = []
    for name, order, mode in (("one", "abc", 0o600), ("two", "cba", 0o666)):
        folder = tmp_path / name
        folder.mkdir()
        for letter in order:
            path = folder / f"{letter}.txt"
            path.write_text(letter)
            path.chmod(mode)
            os.utime(path, (ord(letter), ord(letter)))
        entries = tree(folder, "app")
        digests.append(write_layer("x", entries if name == "one" else entries[::-1], store).descriptor.digest)

    assert digests[0] == digests[1]


def test_a_layer_is_what_its_digests_say(store: ImageStore) -> None:
    layer = write_layer("x", [Entry("a/b/c", b"12345"), Entry("a/run", b"!", executable=True)], store)
    packed = store.blob(layer.descriptor.digest).read_bytes()

    assert hashlib.sha256(packed).hexdigest() == layer.descriptor.digest[7:]
    assert len(packed) == layer.descriptor.size
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == layer.diff_id[7:]
    assert layer.unpacked == 6
    entries = read_layer(store.blob(layer.descriptor.digest))
    assert list(entries) == ["a", "a/b", "a/b/c", "a/run"], "folders come before what is in them"
    assert entries["a/run"].mode == 0o755
    assert entries["a/b/c"].mode == 0o644


def test_links_stay_links_and_long_names_whole(tmp_path: Path, store: ImageStore) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    long = "x" * 120 + "-ö"
    (folder / long).write_text("there")
    (folder / "link").symlink_to("nowhere")
    (folder / "folder").symlink_to(".")

    layer = write_layer("x", tree(folder, "p" * 80), store)

    entries = read_layer(store.blob(layer.descriptor.digest))
    assert entries[f"{'p' * 80}/{long}"].size == 5
    assert entries[f"{'p' * 80}/link"].linkname == "nowhere"
    assert entries[f"{'p' * 80}/folder"].issym()


@pytest.mark.parametrize("processors", [1, 7])
def test_a_large_layer_is_the_same_with_any_number_of_processors(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    monkeypatch.setattr(layer_module, "_MEMBER_BYTES", 1000)
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    data = bytes(number * number % 251 for number in range(25_000))

    layer = write_layer("x", [Entry("data", data)], store)

    plain = gzip.decompress(store.blob(layer.descriptor.digest).read_bytes())
    assert data in plain
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert write_layer("x", [Entry("data", data)], ImageStore(store.root.parent / "again")) == layer


def test_the_compressed_bytes_are_these(store: ImageStore) -> None:
    """The digest is a promise to everybody who built the image before: if this fails, raise layer.FORMAT."""
    layer = write_layer("x", [Entry("a/file", b"the same on every machine\n" * 100)], store)

    assert layer.diff_id == "sha256:41420a5a4e57c19af0c531b85dbed228ec09c201755f141c8fcdc16a6ad7ffe8"
    assert (
        layer.descriptor.digest == "sha256:0bf29c0a65cfc04861fd28e2b5638c69806fc49c9ab069c129f664dc16bcb750"
    )
