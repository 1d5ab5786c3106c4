"""A service's images: built when missing, mounted over when little has changed, removed when unused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from support.image_layouts import make_image

from toc_build.bundle import Bundle, assemble
from toc_build.errors import ImageError
from toc_build.image import BuiltImage
from toc_build.image.engine import Engine
from toc_build.repository import load
from toc_build.targets import Event, EventKind
from toc_build.targets.local import ContainerSettings
from toc_build.targets.local.images import ImageShelf
from toc_build.targets.local.settings import BundleReference


class Workshop:
    """Makes images of a few bytes, one for each bundle, and counts."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        self.built: list[str] = []
        self.surroundings = "the same"
        self._folder = folder
        self._repository = repository
        self.shelf = ImageShelf(self.state, self._build, lambda: self.surroundings)

    def bundle(self, text: str) -> BundleReference:
        """A bundle whose code is different for every text."""
        (self._repository / "scoring" / "extra.py").write_text(f"TEXT = {text!r}\n", "utf-8")
        bundle = assemble(load(self._repository))
        return BundleReference(bundle.root, bundle.digest)

    def _build(self, bundle: Bundle, tell: Callable[[str], None]) -> BuiltImage:
        tell("building")
        self.built.append(bundle.digest)
        name = f"toc-build-tests/shelf:{bundle.digest[-12:]}"
        contents = f"{self._folder} {bundle.digest}".encode()
        return make_image(self._folder / f"image-{len(self.built)}", [{"code": contents}], name)

    def put(self, bundle: BundleReference, *, mounted: bool = False) -> tuple[list[Event], ContainerSettings]:
        """The events and the settings that come of it; afterwards the bundle serves."""
        events, settings = _run(self.shelf.put(bundle, ContainerSettings(mounted=mounted)))
        self.shelf.serves(bundle, settings)
        return events, settings


def _run(work: Generator[Event, None, ContainerSettings]) -> tuple[list[Event], ContainerSettings]:
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return events, end.value


@pytest.fixture
def workshop(
    tmp_path: Path, model_repository: Path, engine_address: str, monkeypatch: pytest.MonkeyPatch
) -> Workshop:
    monkeypatch.setenv("DOCKER_HOST", engine_address)
    (model_repository / "requirements.lock").touch()
    return Workshop(tmp_path, model_repository)


@pytest.fixture
def engine(engine_address: str, workshop: Workshop) -> Generator[Engine, None, None]:
    engine = Engine.connect(url=engine_address)
    yield engine
    workshop.shelf.clear()
    engine.close()


def test_built_once_for_a_bundle(workshop: Workshop, engine: Engine) -> None:
    bundle = workshop.bundle("one")
    events, settings = workshop.put(bundle)
    assert [event.kind for event in events] == [
        EventKind.STEP_STARTED,
        EventKind.PROGRESS,
        EventKind.PROGRESS,
        EventKind.STEP_FINISHED,
    ]
    assert (settings.engine, settings.mounted) == (engine.address.url, False)
    assert engine.has(settings.image)
    assert workshop.put(bundle) == ([], settings)
    assert len(workshop.built) == 1


def test_code_is_mounted_over_an_image_that_differs_in_nothing_else(
    workshop: Workshop, engine: Engine
) -> None:
    one, two = workshop.bundle("one"), workshop.bundle("two")
    _, first = workshop.put(one)
    assert workshop.put(two, mounted=True) == ([], dataclasses.replace(first, mounted=True))
    assert len(workshop.built) == 1
    # The next deployment has an image of its own again; the first bundle is still in its image.
    assert workshop.put(one, mounted=True) == ([], first)
    _, second = workshop.put(two)
    assert second.image != first.image
    assert not second.mounted
    workshop.surroundings = "another base"
    _, third = workshop.put(one, mounted=True)
    assert not third.mounted
    assert len(workshop.built) == 3


def test_an_image_that_somebody_removed_is_loaded_again(workshop: Workshop, engine: Engine) -> None:
    bundle = workshop.bundle("one")
    _, settings = workshop.put(bundle)
    engine.client.images.remove(settings.image)
    events, again = workshop.put(bundle)
    assert events
    assert engine.has(again.image)


def test_images_before_the_last_two_are_removed(workshop: Workshop, engine: Engine) -> None:
    images = [workshop.put(workshop.bundle(text))[1].image for text in ("one", "two", "three")]
    assert [engine.has(image) for image in images] == [False, True, True]
    workshop.shelf.clear()
    assert not any(engine.has(image) for image in images)
    assert list(workshop.state.iterdir()) == []


def test_an_image_that_was_there_before_is_left_alone(
    workshop: Workshop, engine: Engine, tmp_path: Path
) -> None:
    bundle = workshop.bundle("one")
    contents = f"{tmp_path} {bundle.digest}".encode()
    theirs = make_image(
        tmp_path / "theirs", [{"code": contents}], f"toc-build-tests/shelf:{bundle.digest[-12:]}"
    )
    image, _ = engine.load(theirs)
    assert workshop.put(bundle)[1].image == image
    workshop.shelf.clear()
    assert engine.has(image)
    assert engine.remove(image)


def test_a_build_that_fails_changes_nothing(workshop: Workshop, engine: Engine) -> None:
    def fail(_bundle: Bundle, _tell: Callable[[str], None]) -> BuiltImage:
        raise ImageError("no base", code="TOC-TEST-001")

    one = workshop.bundle("one")
    _, settings = workshop.put(one)
    failing = ImageShelf(workshop.state, fail, lambda: "the same")
    with pytest.raises(ImageError, match="no base"):
        _run(failing.put(workshop.bundle("two"), ContainerSettings()))
    assert workshop.put(one) == ([], settings)
