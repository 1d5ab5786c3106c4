"""What tests of targets share: a folder of services, emptied of every process afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import psutil
import pytest
from support.targets_bundles import CONTAINER, containers_of, processes


@pytest.fixture
def states(tmp_path: Path) -> Iterator[Path]:
    """The folder with the state folders of all services; whatever a test leaves running in it is ended."""
    folder = tmp_path / "local"
    yield folder
    for process in processes(tmp_path):
        with contextlib.suppress(psutil.Error):
            process.kill()


@pytest.fixture
def in_container(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, states: Path
) -> Iterator[docker.DockerClient]:
    """`target()` runs hand-made bundles in containers, also in processes that the test starts.

    Gives a client to look at them; what a test leaves is removed.
    """
    engine, image = request.getfixturevalue("engine_address"), request.getfixturevalue("server_image")
    monkeypatch.setenv(CONTAINER, f"{engine} {image}")
    client = docker.DockerClient(base_url=engine)
    yield client
    for container in containers_of(client, states):
        with contextlib.suppress(docker.errors.APIError):
            container.remove(force=True)
    client.close()


@pytest.fixture(params=["process", "docker"])
def engine(request: pytest.FixtureRequest) -> str:
    """Either engine in turn: the test must pass with both."""
    if request.param == "docker":
        request.getfixturevalue("in_container")
    return str(request.param)
