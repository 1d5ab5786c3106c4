"""A plain azureml-core script runs under the rehearsal: the genuine SDK does all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.engine import Registry

from toc_build.rehearsal import process
from toc_build.rehearsal.process import Running
from toc_build.rehearsal.surroundings import rehearsed

SCRIPT = Path(__file__).parents[1] / "support" / "rehearsal_script.py"


def section(running: Running, folder: Path, name: str, **variables: str) -> dict[str, Any]:
    """Runs a section of the script, and returns what it found."""
    environment = {**rehearsed(os.environ, running), "HOME": str(folder), "LARGE_MB": "100", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the SDK loads in 5 s without bytecode
    done = subprocess.run(
        [sys.executable, str(SCRIPT), name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SECTION ")]
    found: dict[str, Any] = json.loads(line.removeprefix("SECTION "))
    return found


@pytest.mark.parametrize("name", ["workspace", "models", "environments", "computes"])
def test_everything_around_a_service(running: Running, tmp_path: Path, name: str) -> None:
    section(running, tmp_path, name)


def test_container_groups(running: Running, tmp_path: Path) -> None:
    section(running, tmp_path, "aci")


def test_failed_deployments_say_why(running: Running, tmp_path: Path) -> None:
    found = section(running, tmp_path, "failing")
    assert found["aci-broken"] == "AciDeploymentFailed"
    assert found["aks-broken"] == "KubernetesDeploymentFailed"


def test_clusters(running: Running, tmp_path: Path) -> None:
    assert section(running, tmp_path, "aks")["replicas_that_answered"] == 2


def test_endpoints_share_traffic_out(running: Running, tmp_path: Path) -> None:
    found = section(running, tmp_path, "endpoint")
    assert found["traffic"] == {"blue": 140, "green": 60}
    assert found["promoted"] == {"green": 10}


def test_packages(running: Running, tmp_path: Path) -> None:
    section(running, tmp_path, "package")


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
    label = {"label": f"com.github.toc-build.rehearsal={running.pid}"}
    assert client.containers.list(all=True, filters=label) == []
    client.close()
