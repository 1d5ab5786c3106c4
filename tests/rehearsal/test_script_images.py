"""The parts of the plain azureml-core script that need a container engine and a registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engine import Registry
from support.rehearsal_sections import section

from toc_build.rehearsal import process
from toc_build.rehearsal.process import Running


@pytest.fixture
def pushed_image(engine_address: str, registry: Registry, server_image: str) -> Iterator[str]:
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


def test_local_web_services_in_containers(
    running: Running, tmp_path: Path, engine_address: str, pushed_image: str, free_tcp_port: int
) -> None:
    values = {"DOCKER_HOST": engine_address, "BASE_IMAGE": pushed_image, "LOCAL_PORT": str(free_tcp_port)}
    section(running, tmp_path, "local", **values)


def test_services_in_an_image(
    shared_cache: Path,
    tmp_path: Path,
    engine_address: str,
    pushed_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine_address)  # the server's own engine
    monkeypatch.setenv("TOC_BUILD_CACHE_DIR", str(shared_cache))
    with process.temporary() as running:
        section(running, tmp_path, "image", BASE_IMAGE=pushed_image)
    import docker

    client = docker.DockerClient(base_url=engine_address)
    label = {"label": f"com.github.toc-build.rehearsal={running.identity.pid}"}
    assert client.containers.list(all=True, filters=label) == []
    client.close()
