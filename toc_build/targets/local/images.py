"""The images of one service in the container engine: built when missing, loaded, and removed when not needed.

A `LocalTarget` that runs containers has an `ImageShelf`. `images.json` in the service's state folder says
which images this service has put into the engine, so that no other image is ever removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from toc_build.errors import TargetError
from toc_build.targets.local.settings import BundleReference, ContainerSettings
from toc_build.targets.protocol import Event, EventKind

if TYPE_CHECKING:
    from toc_build.bundle import Bundle
    from toc_build.image import BuiltImage
    from toc_build.image.engine import Engine

KEPT = 2  # images that stay loaded: the one that serves, and the one before
LOCK = Path("environment", "requirements.lock")  # in a bundle

_Result = TypeVar("_Result")
Build = Callable[["Bundle", Callable[[str], None]], "BuiltImage"]
Demand = Callable[["BuiltImage", Callable[[str], None]], None]


@dataclass
class _Shelf:
    """What `images.json` says.

    Attributes:
        engine: the engine's address.
        image: of the last deployment.
        digest: of the bundle that is in that image.
        surroundings: hash of what that image holds besides code and model.
        loaded: the images that this service has put into the engine, the newest last.
    """

    engine: str = ""
    image: str = ""
    digest: str = ""
    surroundings: str = ""
    loaded: list[str] = field(default_factory=list)


class ImageShelf:
    """Where a service's containers get their images from.

    Args:
        folder: the service's state folder.
        build: makes a bundle's image; what is there already is not made again.
        surroundings: says what an image holds besides bundle and lock: the base, the server's settings.
        demand: what an image must show before it goes into the engine. With one, the image is looked at each
            time, and nothing is mounted over what was looked at.
    """

    def __init__(
        self, folder: Path, build: Build, surroundings: Callable[[], str], demand: Demand | None = None
    ) -> None:
        self._file = folder / "images.json"
        self._build = build
        self._surroundings = surroundings
        self._demand = demand

    def put(
        self, bundle: BundleReference, wanted: ContainerSettings
    ) -> Generator[Event, None, ContainerSettings]:
        """Have the image of a bundle in the engine; gives the settings that name it.

        Args:
            bundle: what is to be served.
            wanted: the settings so far. With `mounted`, the image of the last deployment is taken, and code
                and model are mounted in place of its own, when it differs in nothing else.

        Raises:
            TargetError: there is no engine, or it does not take the image.
            UserError: the image cannot be built, or does not show what is demanded.
        """
        from toc_build.bundle import open_bundle
        from toc_build.image.engine import Engine

        shelf = self._read()
        surroundings = self._hash(bundle)
        with contextlib.closing(Engine.connect()) as engine:
            settings = dataclasses.replace(wanted, engine=engine.address.url)
            same = shelf.engine == settings.engine and shelf.surroundings == surroundings
            same = same and self._demand is None
            if same and (wanted.mounted or shelf.digest == bundle.digest) and engine.has(shelf.image):
                mounted = shelf.digest != bundle.digest
                return dataclasses.replace(settings, image=shelf.image, mounted=mounted)
            begun = time.monotonic()
            yield Event(EventKind.STEP_STARTED, "build", "building the image, and loading it into the engine")

            def make(tell: Callable[[str], None]) -> tuple[str, bool]:
                image = self._build(open_bundle(bundle.root), tell)
                if self._demand is not None:
                    self._demand(image, tell)
                return engine.load(image, tell)

            image, new = yield from _telling(make)
            if new:
                self._write(dataclasses.replace(shelf, engine=settings.engine, loaded=[*shelf.loaded, image]))
            yield Event(EventKind.STEP_FINISHED, "build", seconds=time.monotonic() - begun)
        return dataclasses.replace(settings, image=image, mounted=False)

    def serves(self, bundle: BundleReference, settings: ContainerSettings) -> None:
        """A bundle answers now: remember its image, and let go of those before the last."""
        shelf = self._read()
        kept = [image for image in shelf.loaded if image != settings.image]
        if settings.image in shelf.loaded:
            kept.append(settings.image)
        dropped, kept = kept[:-KEPT], kept[-KEPT:]
        with self._engine(shelf) as engine:
            stuck = [image for image in dropped if engine is None or not engine.remove(image)]
        if settings.mounted:
            digest, surroundings = shelf.digest, shelf.surroundings
        else:
            digest, surroundings = bundle.digest, self._hash(bundle)
        self._write(_Shelf(settings.engine, settings.image, digest, surroundings, [*stuck, *kept]))

    def clear(self) -> None:
        """Remove every image that this service has put into the engine, and the containers it left."""
        from toc_build.targets.local.container_run import remove_orphans

        shelf = self._read()
        if shelf.engine:
            remove_orphans(self._file.parent, shelf.engine)
            with self._engine(shelf) as engine:
                for image in reversed(shelf.loaded):
                    if engine is not None:
                        engine.remove(image)
        self._file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _engine(self, shelf: _Shelf) -> Iterator[Engine | None]:
        """The engine that has the images; None when it does not answer any more."""
        from toc_build.image.engine import Engine

        engine = None
        with contextlib.suppress(TargetError):
            engine = Engine.connect(url=shelf.engine)
        try:
            yield engine
        finally:
            if engine is not None:
                engine.close()

    def _hash(self, bundle: BundleReference) -> str:
        lock = bundle.root / LOCK
        text = lock.read_bytes() if lock.is_file() else b""
        return hashlib.sha256(text + b"\0" + self._surroundings().encode()).hexdigest()

    def _read(self) -> _Shelf:
        try:
            return _Shelf(**json.loads(self._file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return _Shelf()

    def _write(self, shelf: _Shelf) -> None:
        temporary = self._file.with_name("images.json.part")
        temporary.write_text(json.dumps(dataclasses.asdict(shelf)), "utf-8")
        temporary.replace(self._file)


def _telling(work: Callable[[Callable[[str], None]], _Result]) -> Generator[Event, None, _Result]:
    """What `work` gives; what it tells meanwhile comes as events, at once."""
    lines: queue.Queue[str | None] = queue.Queue()
    done: list[_Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work(lines.put))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)
        finally:
            lines.put(None)

    threading.Thread(target=run, name="image", daemon=True).start()
    while (line := lines.get()) is not None:
        yield Event(EventKind.PROGRESS, "build", line)
    if failed:
        raise failed[0]
    return done[0]
