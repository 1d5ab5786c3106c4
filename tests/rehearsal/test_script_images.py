"""The parts of the plain azureml-core script that need a container engine and a registry."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.rehearsal_sections import section

from toc_build.rehearsal import process
from toc_build.rehearsal.process import Running


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
