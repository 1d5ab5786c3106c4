"""`push`: only what is missing, in pieces, over lines that break; no manifest before all blobs are there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_registry import FakeRegistry
from support.image_layouts import make_image

from toc_build.errors import ImageError
from toc_build.image import BuiltImage
from toc_build.image.registry import push as module_push
from toc_build.image.registry import retag
from toc_build.image.registry.client import ATTEMPTS, Connection

Connect = Callable[..., Connection]
REPOSITORY = "models/river-litter"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.modules["toc_build.image.registry.push"], "PIECE", 300)


@pytest.fixture
def image(tmp_path: Path) -> BuiltImage:
    import random

    noise = random.Random(1).randbytes(2000)
    return make_image(tmp_path / "image", [{"base": noise}, {"code": b"print()"}], "river-litter:1")


def digests(image: BuiltImage) -> set[str]:
    return {image.config_digest, *(layer.digest for layer in image.layers)}


def test_everything_arrives_under_digest_and_tags(
    fake: FakeRegistry, connect: Connect, image: BuiltImage
) -> None:
    done = module_push(image, connect(), tags=("1", "prod"))

    assert {digest for _, digest in fake.blobs} == digests(image)
    assert {name for _, name in fake.manifests} == {image.digest, "1", "prod"}
    assert str(done.name) == f"registry.example.org/{REPOSITORY}@{image.digest}"
    assert done.sent == fake.received == sum(map(len, fake.blobs.values()))
    assert done.there == 0


def test_a_second_push_sends_nothing(fake: FakeRegistry, connect: Connect, image: BuiltImage) -> None:
    first = module_push(image, connect())
    fake.received = 0

    again = module_push(image, connect())

    assert fake.received == again.sent == 0
    assert again.there == first.sent


def test_only_the_layer_that_changed_is_sent(
    fake: FakeRegistry, connect: Connect, image: BuiltImage, tmp_path: Path
) -> None:
    module_push(image, connect())
    base = image.blob(image.layers[0].digest)
    changed = make_image(tmp_path / "two", [{"base": b""}, {"code": b"print(2)"}], "river-litter:2")
    layers = (image.layers[0], changed.layers[1])
    (tmp_path / "two" / "blobs/sha256" / base.name).write_bytes(base.read_bytes())
    fake.received = 0
    from dataclasses import replace

    done = module_push(replace(changed, layers=layers), connect())

    config = changed.blob(changed.config_digest).stat().st_size
    assert done.sent == fake.received == changed.layers[1].size + config
    assert [sent for _, _, sent in done.blobs] == [False, True, True]


@pytest.mark.parametrize("kept", [0, 1, 120, 300], ids="the registry has {} bytes of the piece".format)
def test_a_broken_line_goes_on_where_it_stopped(
    fake: FakeRegistry, connect: Connect, image: BuiltImage, kept: int
) -> None:
    fake.breaks, fake.keeps = 3, kept

    module_push(image, connect())

    assert {digest for _, digest in fake.blobs} == digests(image)
    if kept > 1:
        assert fake.count("POST", "uploads") == 3, "no upload was begun again"
    assert len(fake.slept) == 3


def test_an_upload_that_the_registry_forgot_begins_again(
    fake: FakeRegistry, connect: Connect, image: BuiltImage
) -> None:
    fake.breaks, fake.keeps, fake.forgets = 1, 100, True

    module_push(image, connect())

    assert {digest for _, digest in fake.blobs} == digests(image)
    assert fake.count("POST", "uploads") == 4


def test_a_line_that_always_breaks_is_given_up_and_no_image_is_there(
    fake: FakeRegistry, connect: Connect, image: BuiltImage
) -> None:
    fake.breaks = 99

    with pytest.raises(ImageError) as caught:
        module_push(image, connect(), tags=("1",))

    assert caught.value.code == "TOC-IMAGE-045"
    assert fake.manifests == {}
    assert len(fake.slept) == ATTEMPTS - 1

    fake.breaks = 0
    module_push(image, connect(), tags=("1",))
    assert (REPOSITORY, "1") in fake.manifests


def test_layers_of_the_base_are_taken_from_the_bases_repository(
    fake: FakeRegistry, connect: Connect, image: BuiltImage
) -> None:
    fake.put_blob("python-base", image.blob(image.layers[0].digest).read_bytes())

    done = module_push(image, connect(), mount_from="python-base")

    assert [sent for _, _, sent in done.blobs] == [False, True, True]
    assert (REPOSITORY, image.layers[0].digest) in fake.blobs


def test_a_new_tag_sends_no_blob(fake: FakeRegistry, connect: Connect, image: BuiltImage) -> None:
    module_push(image, connect(), tags=("1",))
    fake.received = 0
    fake.asked.clear()

    assert retag(connect(), "1", ("prod", "2026")) == image.digest

    assert fake.manifests[REPOSITORY, "prod"] == fake.manifests[REPOSITORY, image.digest]
    assert fake.received == 0
    assert fake.count("POST", "") == 0


def test_a_tag_for_what_is_not_there_is_refused(fake: FakeRegistry, connect: Connect) -> None:
    with pytest.raises(ImageError) as caught:
        retag(connect(), "gone", ("prod",))

    assert caught.value.code == "TOC-IMAGE-043"
    assert fake.manifests == {}


def test_progress_says_how_much_is_gone(connect: Connect, image: BuiltImage) -> None:
    told: list[str] = []

    module_push(image, connect(), tell=told.append)

    assert told
    assert all(line.startswith("sending ") for line in told)
    assert json.dumps(told)
