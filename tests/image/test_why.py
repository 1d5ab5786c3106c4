"""`why`: sizes that add up, bytecode with its package, and advice that fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from toc_build.bundle import Bundle
from toc_build.image import BuiltImage, ImageSettings
from toc_build.image.store import ImageStore
from toc_build.image.why import Why, why

Build = Callable[..., BuiltImage]


@pytest.fixture
def explain(build: Build, bundle: Bundle, settings: ImageSettings) -> Callable[..., Why]:
    def run(**changes: object) -> Why:
        return why(build(**changes), bundle, replace(settings, **changes), ImageStore())  # type: ignore[arg-type]

    return run


def test_the_layers_add_up_to_the_image(explain: Callable[..., Why], build: Build) -> None:
    found = explain()

    assert [layer.name for layer in found.layers] == ["base", "environment", "model", "code"]
    assert sum(layer.unpacked for layer in found.layers) == build().size
    assert sum(layer.packed for layer in found.layers) == build().compressed_size


def test_packages_have_their_bytecode_and_add_up(explain: Callable[..., Why]) -> None:
    found = explain()
    packages = dict(found.packages)

    environment = next(layer for layer in found.layers if layer.name == "environment")
    assert sum(packages.values()) == environment.unpacked
    assert packages["numpy"] > 300, "source, bytecode and metadata"
    assert packages["(other)"] < 200, "pyvenv.cfg alone is nobody's"
    assert list(packages.values()) == sorted(packages.values(), reverse=True)


def test_the_models_files_are_listed(explain: Callable[..., Why]) -> None:
    assert explain().models == (("saved_model/saved_model.pb", 8),)


def test_tensorflow_has_a_smaller_way(explain: Callable[..., Why]) -> None:
    assert any("ai-edge-litert in place of tensorflow-cpu" in item.what for item in explain().advice)


def test_opencv_has_a_smaller_way(explain: Callable[..., Why]) -> None:
    assert any("pillow in place of opencv-python-headless" in item.what for item in explain().advice)


def test_what_is_not_pruned_could_be(explain: Callable[..., Why]) -> None:
    assert not any("prune" in item.what for item in explain().advice)
    assert any("prune" in item.what for item in explain(prune=False).advice)
