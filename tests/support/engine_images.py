"""An image with a server, into which tests mount their bundles.

It is made once for all test processes. What it is made from does not change from test to test, so it stays in
the engine, which is the tests' own.
"""

from __future__ import annotations

from pathlib import Path

import filelock
import pytest
from support.model_repository import write_model_repository

from toc_build.paths import CACHE_VARIABLE


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if own.name.startswith("popen-") else own) / "images"
    folder.mkdir(exist_ok=True)
    return folder


def server_image(folder: Path, base: str, engine_url: str) -> str:
    """What the engine calls an image of a small repository; hand-made bundles are mounted into it."""
    from toc_build.bundle import assemble
    from toc_build.environment import lock
    from toc_build.image import ImageSettings, build_image
    from toc_build.image.engine import Engine
    from toc_build.repository import load

    with filelock.FileLock(folder / "server.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder / "cache"))
        root = folder / "server-repository"
        if not (root / "deploy.yml").exists():
            write_model_repository(root, name="toc-build-tests-server")
            lock(load(root))
        repository = load(root)
        settings = ImageSettings(base=base, service="toc-build-tests-server")
        image = build_image(assemble(repository), settings=settings)
        engine = Engine.connect(url=engine_url)
        try:
            return engine.load(image)[0]
        finally:
            engine.close()
