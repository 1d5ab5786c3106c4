"""Images go into the engine once, in as few bytes as it needs, and out again."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.image_layouts import make_image

from toc_build.errors import TargetError
from toc_build.image.engine import Engine


@pytest.fixture
def engine(engine_address: str) -> Iterator[Engine]:
    engine = Engine.connect({"DOCKER_HOST": engine_address})
    yield engine
    engine.close()


@pytest.fixture
def unique(tmp_path: Path) -> bytes:
    """Contents that no other test has."""
    return str(tmp_path).encode()


def test_loaded_once_and_removed(engine: Engine, tmp_path: Path, unique: bytes) -> None:
    image = make_image(tmp_path / "image", [{"file": unique}], "toc-build-tests/loaded:one")
    assert engine.image_id(image) is None
    told: list[str] = []
    image_id, loaded = engine.load(image, told.append)
    assert loaded
    assert "toc-build-tests/loaded:one" in told[0]
    assert engine.client.images.get("toc-build-tests/loaded:one").id == image_id
    assert engine.load(image, told.append) == (image_id, False)
    assert len(told) == 1
    assert engine.remove(image_id)
    assert engine.image_id(image) is None
    assert engine.remove(image_id)  # it is gone: what was wanted


def test_layers_that_the_engine_has_are_not_sent(engine: Engine, tmp_path: Path, unique: bytes) -> None:
    base = {"base": unique + b"base"}
    one = make_image(tmp_path / "one", [base, {"code": unique + b"1"}], "toc-build-tests/layers:one")
    two = make_image(tmp_path / "two", [base, {"code": unique + b"2"}], "toc-build-tests/layers:two")
    first, _ = engine.load(one)
    two.blob(two.layers[0].digest).unlink()  # it cannot be sent
    second, loaded = engine.load(two)
    assert loaded
    layers = engine.client.images.get(second).attrs["RootFS"]["Layers"]
    assert len(layers) == 2
    assert layers[0] == engine.client.images.get(first).attrs["RootFS"]["Layers"][0]
    assert engine.remove(first)
    assert engine.remove(second)


def test_another_image_under_the_same_name(engine: Engine, tmp_path: Path, unique: bytes) -> None:
    one = make_image(tmp_path / "one", [{"file": unique + b"1"}], "toc-build-tests/same:name")
    two = make_image(tmp_path / "two", [{"file": unique + b"2"}], "toc-build-tests/same:name")
    first, _ = engine.load(one)
    assert engine.image_id(two) is None
    second, loaded = engine.load(two)
    assert loaded
    assert first != second
    assert engine.image_id(two) == second
    assert engine.load(one) == (first, False)  # it was there, without its name
    assert engine.client.images.get("toc-build-tests/same:name").id == first
    assert engine.remove(first)
    assert engine.remove(second)


def test_an_image_that_is_removed_while_it_is_looked_at(
    engine: Engine, tmp_path: Path, unique: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {"Id": "sha256:" + hashlib.sha256(unique).hexdigest()}
    listed = engine.client.api.images
    monkeypatch.setattr(engine.client.api, "images", lambda: [gone, *listed()])
    image = make_image(tmp_path / "image", [{"file": unique}], "toc-build-tests/raced:one")
    image_id, loaded = engine.load(image)
    assert loaded
    assert engine.remove(image_id)


def test_an_image_that_a_container_uses_stays(engine: Engine, tmp_path: Path, unique: bytes) -> None:
    image = make_image(
        tmp_path / "image", [{"file": unique}], "toc-build-tests/used:one", {"Cmd": ["/nothing"]}
    )
    image_id, _ = engine.load(image)
    container = engine.client.containers.create(image_id)
    try:
        assert not engine.remove(image_id)
        assert engine.image_id(image) == image_id
    finally:
        container.remove()
    assert engine.remove(image_id)


def test_an_engine_that_does_not_take_the_image(engine: Engine, tmp_path: Path, unique: bytes) -> None:
    image = make_image(tmp_path / "image", [{"file": unique}], "toc-build-tests/broken:one")
    image.blob(image.layers[0].digest).write_bytes(b"no layer at all")
    with pytest.raises(TargetError, match="did not take the image") as refused:
        engine.load(image)
    assert refused.value.code == "TOC-ENGINE-007"
    assert refused.value.problems[0].details != "(it said nothing)"


def test_without_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(TargetError, match=r"toc-build\[docker\]") as missing:
        Engine.connect({})
    assert missing.value.code == "TOC-ENGINE-001"
