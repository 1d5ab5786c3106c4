"""Images for tests: a base made from Debian packages, and one with a server into which bundles are mounted.

Each is made once for all test processes. What they are made from does not change from test to test, so they
stay in the engine, which is the tests' own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import filelock
import pytest
from support.engine import cannot
from support.model_repository import write_model_repository

from toc_build.paths import CACHE_VARIABLE

ROOT = Path(__file__).parents[2]


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if own.name.startswith("popen-") else own) / "images"
    folder.mkdir(exist_ok=True)
    return folder


def base_layout(folder: Path) -> str:
    """A minimal Debian base with Python 3.11, as deploy.yml's `image: base` names it."""
    layout = folder / "base"
    with filelock.FileLock(folder / "base.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder / "cache"))
        if not (layout / "index.json").exists():
            done = subprocess.run(
                [sys.executable, str(ROOT / "tools" / "minimal_base.py"), str(layout)],
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            if done.returncode:
                cannot(f"no base image can be made here: {' '.join(done.stderr.split())[-300:]}")
    return f"oci:{layout}"


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
