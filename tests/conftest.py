"""What every test may use. No test touches the user's own cache."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import engine, engine_images
from support.model_repository import write_model_repository
from support.real_base import shared_base

from toc_build.paths import CACHE_VARIABLE

# A shell that starts the tests in the background has SIGINT ignored; every command tested here would inherit
# that, and their Ctrl-C would do nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side run files, but no two that use the container engine: they look at what is in it."""
    for item in items:
        uses_engine = "engine_address" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("engine" if uses_engine else str(item.path)))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    folder = tmp_path / "toc-build-cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def model_repository(tmp_path: Path) -> Path:
    """A small, whole model repository, with a lock that no installer would take but every reader does."""
    return write_model_repository(tmp_path / "bright-things")


@pytest.fixture
def free_tcp_port() -> int:
    """A port on 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def engine_address() -> Iterator[str]:
    """The address of a container engine; without one the test is skipped, or fails where CI=true."""
    with engine.engine() as address:
        yield address


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Registry]:
    """A registry on a free port of 127.0.0.1, one for each test process."""
    with engine.registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def base_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A minimal Debian base with Python 3.11, as deploy.yml's `image: base` names it."""
    return f"oci:{shared_base(tmp_path_factory)}"


@pytest.fixture(scope="session")
def server_image(tmp_path_factory: pytest.TempPathFactory, engine_address: str, base_image: str) -> str:
    """What the engine calls an image with a server, into which hand-made bundles are mounted."""
    folder = engine_images.shared_folder(tmp_path_factory)
    return engine_images.server_image(folder, base_image, engine_address)


@pytest.fixture
def pushed_image(engine_address: str, registry: engine.Registry, server_image: str) -> Iterator[str]:
    """An image with Python and the server, in a registry and not in the engine."""
    import docker

    client = docker.DockerClient(base_url=engine_address)
    name = f"{registry.address}/rehearsal-server"
    client.images.get(server_image).tag(name, "1")
    try:
        assert "errorDetail" not in client.images.push(name, "1")
        yield f"{name}:1"
    finally:
        client.images.remove(f"{name}:1", force=True)
        client.close()
