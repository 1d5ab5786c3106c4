"""`attach` and `attached`: with OCI 1.1's referrers, and in registries that know none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.fake_registry import FakeRegistry

from toc_build.errors import ImageError
from toc_build.image.layout import INDEX_TYPE, MANIFEST_TYPE
from toc_build.image.registry.client import Connection
from toc_build.image.registry.referrers import attach, attached

Connect = Callable[..., Connection]
REPOSITORY = "models/river-litter"
TYPE = "application/vnd.cyclonedx+json"


@pytest.fixture
def image(fake: FakeRegistry) -> str:
    return fake.put_manifest(REPOSITORY, "1", b'{"layers": []}', MANIFEST_TYPE)


@pytest.mark.parametrize("referrers", [True, False], ids=["OCI 1.1", "fallback"])
def test_what_is_attached_is_found(fake: FakeRegistry, connect: Connect, image: str, referrers: bool) -> None:
    fake.referrers = referrers

    own = attach(connect(), image, b'{"bomFormat": "CycloneDX"}', TYPE)

    assert attached(connect(), image, TYPE) == b'{"bomFormat": "CycloneDX"}'
    manifest = json.loads(fake.manifests[REPOSITORY, own][0])
    assert manifest["subject"]["digest"] == image
    assert manifest["artifactType"] == TYPE
    assert ((REPOSITORY, image.replace(":", "-")) in fake.manifests) is not referrers


def test_the_same_document_twice_is_there_once(fake: FakeRegistry, connect: Connect, image: str) -> None:
    assert attach(connect(), image, b"1", TYPE) == attach(connect(), image, b"1", TYPE)

    index, media_type = fake.manifests[REPOSITORY, image.replace(":", "-")]
    assert media_type == INDEX_TYPE
    assert len(json.loads(index)["manifests"]) == 1


def test_the_newest_comes_first_and_other_types_stay(
    fake: FakeRegistry, connect: Connect, image: str
) -> None:
    attach(connect(), image, b"other", "text/plain")
    attach(connect(), image, b"old", TYPE)
    attach(connect(), image, b"new", TYPE)

    assert attached(connect(), image, TYPE) == b"new"
    assert attached(connect(), image, "text/plain") == b"other"


def test_nothing_is_attached_to_what_is_not_there(fake: FakeRegistry, connect: Connect) -> None:
    with pytest.raises(ImageError) as caught:
        attach(connect(), f"sha256:{'1' * 64}", b"1", TYPE)

    assert caught.value.code == "TOC-IMAGE-043"
    assert fake.blobs == {}


def test_without_one_it_says_how_to_get_one(connect: Connect, image: str) -> None:
    with pytest.raises(ImageError, match="toc-build image push") as caught:
        attached(connect(), image, TYPE)

    assert caught.value.code == "TOC-IMAGE-048"
