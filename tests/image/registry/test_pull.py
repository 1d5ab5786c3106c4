"""`pull`: a base comes whole, over lines that break, and nothing that is not what its digest says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.fake_registry import FakeRegistry
from support.image_builds import write_base

from toc_build.errors import ImageError
from toc_build.image.layout import INDEX_TYPE, MANIFEST_TYPE
from toc_build.image.registry.client import Connection
from toc_build.image.registry.pull import pull
from toc_build.image.store import ImageStore

Connect = Callable[..., Connection]
NAME = "registry.example.org/python-base"
TAGGED = f"{NAME}:bookworm"


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture
def published(fake: FakeRegistry, tmp_path: Path) -> str:
    """The digest of a base in the registry."""
    return publish(fake, tmp_path / "base")


def publish(fake: FakeRegistry, folder: Path, **changes: Any) -> str:
    digest = write_base(folder, **changes)
    for blob in (folder / "blobs/sha256").iterdir():
        fake.put_blob("python-base", blob.read_bytes())
    manifest = (folder / "blobs/sha256" / digest[7:]).read_bytes()
    return fake.put_manifest("python-base", "bookworm", manifest, MANIFEST_TYPE)


def fetch(connection: Connection, store: ImageStore, platform: str = "linux/amd64") -> Any:
    return pull(
        str(connection.name), platform=platform, store=store, tell=lambda _: None, connection=connection
    )


def test_the_blobs_are_in_the_store(connect: Connect, store: ImageStore, published: str) -> None:
    digest, config, layers = fetch(connect(TAGGED), store)

    assert digest == published
    assert config["architecture"] == "amd64"
    assert all(store.has(layer.descriptor) for layer in layers)


def test_a_digest_is_asked_for_by_itself(connect: Connect, store: ImageStore, published: str) -> None:
    assert fetch(connect(f"{NAME}:elsewhere@{published}"), store)[0] == published


def test_of_an_index_the_platforms_image_is_taken_and_the_indexs_digest_kept(
    fake: FakeRegistry, connect: Connect, store: ImageStore, tmp_path: Path
) -> None:
    entries = []
    for architecture in ("arm64", "amd64"):
        digest = publish(fake, tmp_path / architecture, architecture=architecture)
        size = len(fake.manifests["python-base", digest][0])
        where = {"os": "linux", "architecture": architecture}
        entries.append({"digest": digest, "size": size, "mediaType": MANIFEST_TYPE, "platform": where})
    entries.append({**entries[0], "platform": {"os": "unknown", "architecture": "unknown"}})
    index = fake.put_manifest(
        "python-base", "bookworm", json.dumps({"manifests": entries}).encode(), INDEX_TYPE
    )

    for platform in ("linux/amd64", "linux/arm64"):
        digest, config, _ = fetch(connect(TAGGED), store, platform)
        assert digest == index
        assert f"linux/{config['architecture']}" == platform


def test_an_index_without_the_platform_is_refused(
    fake: FakeRegistry, connect: Connect, store: ImageStore
) -> None:
    entry = {"digest": "sha256:1", "size": 1, "mediaType": MANIFEST_TYPE}
    entry["platform"] = {"os": "linux", "architecture": "s390x"}
    fake.put_manifest("python-base", "bookworm", json.dumps({"manifests": [entry]}).encode(), INDEX_TYPE)

    with pytest.raises(ImageError, match="only for linux/s390x") as caught:
        fetch(connect(TAGGED), store)

    assert caught.value.code == "TOC-IMAGE-033"


def test_a_broken_line_goes_on_where_it_stopped(
    fake: FakeRegistry, connect: Connect, store: ImageStore, published: str
) -> None:
    broken = 2
    asked: list[str] = []

    class Short(httpx.SyncByteStream):
        def __init__(self, data: bytes) -> None:
            self.data = data

        def __iter__(self) -> Any:
            yield self.data[:50]
            raise httpx.ReadError("the line broke")

    def registry(request: httpx.Request) -> httpx.Response:
        nonlocal broken
        answer = fake._answer(request)
        if request.method == "GET" and "/blobs/" in request.url.path:
            asked.append(request.headers.get("Range", ""))
            data = answer.read()
            short = broken > 0 and len(data) > 50 and data[:1] != b"{"
            broken -= short
            stream = Short(data) if short else httpx.ByteStream(data)
            return httpx.Response(answer.status_code, stream=stream)
        return answer

    _, _, layers = fetch(connect(TAGGED, transport=httpx.MockTransport(registry)), store)

    assert broken == 0
    assert asked[-3:] == ["", "bytes=50-", "bytes=100-"]
    assert store.has(layers[0].descriptor)


def test_a_blob_with_another_digest_is_refused_and_not_kept(
    fake: FakeRegistry, connect: Connect, store: ImageStore, published: str
) -> None:
    for (repository, digest), data in list(fake.blobs.items()):
        if data[:2] == b"\x1f\x8b":
            fake.blobs[repository, digest] = data[:-1] + b"?"

    with pytest.raises(ImageError) as caught:
        fetch(connect(TAGGED), store)

    assert caught.value.code == "TOC-IMAGE-047"
    assert not list(store.root.glob("blobs/*/*"))


def test_a_manifest_that_is_not_the_one_asked_for_is_refused(
    fake: FakeRegistry, connect: Connect, store: ImageStore, published: str
) -> None:
    fake.manifests["python-base", published] = (b'{"layers": []}', MANIFEST_TYPE)

    with pytest.raises(ImageError) as caught:
        fetch(connect(f"{NAME}@{published}"), store)

    assert caught.value.code == "TOC-IMAGE-047"


def test_a_pinned_base_that_is_gone_says_how_to_take_the_new_one(connect: Connect, store: ImageStore) -> None:
    with pytest.raises(ImageError) as caught:
        fetch(connect(f"{NAME}@sha256:{'1' * 64}"), store)

    assert caught.value.code == "TOC-IMAGE-043"
    assert "--update-base" in str(caught.value)
