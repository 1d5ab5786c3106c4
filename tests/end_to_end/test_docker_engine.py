"""`engine: docker` as a user meets it: the same deploy, the same contract, nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import docker
import pytest
from support.model_repository import write_model_repository
from support.shell import Run
from support.targets_bundles import containers_of, the_container

import toc_build
from toc_build.errors import Rejected, TargetError
from toc_build.targets import State

pytestmark = pytest.mark.end_to_end

BLOCK = """
image:
  base: {base}
"""


@pytest.fixture
def engine(engine_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[docker.DockerClient]:
    """The engine that the commands find, too; no container of ours may be left in it."""
    monkeypatch.setenv("DOCKER_HOST", engine_address)
    client = docker.DockerClient(base_url=engine_address)
    yield client
    client.close()


def with_base(repository: Path, base: str, port: int) -> Path:
    """Names the base, and a port of the test's own."""
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(deploy_yml.read_text().replace("8890", str(port)) + BLOCK.format(base=base))
    return repository


def images_of(engine: docker.DockerClient, name: str) -> list[str]:
    return [tag for image in engine.images.list(name) for tag in image.tags]


def test_an_example_in_a_container(
    example: Callable[[str], Path],
    shell: Run,
    cache: Path,
    engine: docker.DockerClient,
    base_image: str,
    free_tcp_port: int,
) -> None:
    repository = with_base(example("bright-blob"), base_image, free_tcp_port)
    before = images_of(engine, "bright-blob")
    shell(repository, "nox", "-s", "deploy_local", "--", "--engine", "docker")
    container = the_container(engine, cache)
    uri = f"http://127.0.0.1:{free_tcp_port}/score"
    status = json.loads(shell(repository, "toc_build", "status", "--json").stdout)
    assert (status["state"], status["scoring_uri"]) == ("ready", uri)
    assert container.labels["com.github.toc-build.bundle"] == status["digest"]
    assert container.attrs["Image"] in {image.id for image in engine.images.list("bright-blob")}
    assert "contract kept" in shell(repository, "toc_build", "test", "--url", uri).stdout
    assert "POST /score 200" in shell(repository, "nox", "-s", "logs", "--", "--tail", "200").stdout

    shell(repository, "nox", "-s", "delete")
    assert containers_of(engine, cache) == []
    assert images_of(engine, "bright-blob") == before
    assert json.loads(shell(repository, "toc_build", "status", "--json").stdout)["state"] == "absent"


def test_a_fresh_bake_in_a_container(
    baked: Callable[..., Path],
    shell: Run,
    cache: Path,
    engine: docker.DockerClient,
    base_image: str,
    free_tcp_port: int,
) -> None:
    """With the engine named in deploy.yml."""
    repository = with_base(baked(framework="custom", image_form="opencv"), base_image, free_tcp_port)
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(deploy_yml.read_text().replace("  local:\n", "  local:\n    engine: docker\n", 1))
    shell(repository, "nox", "-s", "deploy_local")
    the_container(engine, cache)
    uri = f"http://127.0.0.1:{free_tcp_port}/score"
    assert "contract kept" in shell(repository, "toc_build", "test", "--url", uri).stdout
    shell(repository, "nox", "-s", "delete")
    assert containers_of(engine, cache) == []


def test_deploy_reload_rollback_delete(
    tmp_path: Path, cache: Path, engine: docker.DockerClient, base_image: str, free_tcp_port: int
) -> None:
    repository = with_base(write_model_repository(tmp_path / "bright-things"), base_image, free_tcp_port)
    sample = repository / "samples" / "two.png"
    before = images_of(engine, "bright-things")
    service = toc_build.deploy(repository, engine="docker")
    try:
        assert service.scoring_uri == f"http://127.0.0.1:{free_tcp_port}/score"
        assert {item.score for item in service.score(cv2.imread(str(sample)))} == {0.9}
        first = the_container(engine, cache)

        detector = repository / "scoring" / "detector.py"
        good = detector.read_text()
        detector.write_text(good.replace("score=0.9", "score=0.8"))
        toc_build.open_service(repository).reload()  # knows what runs, though deploy.yml does not say
        assert {item.score for item in service.score(sample)} == {0.8}
        second = the_container(engine, cache)
        assert second.attrs["Image"] == first.attrs["Image"]  # nothing was built

        detector.write_text("raise RuntimeError('no weights today')\n")
        with pytest.raises(TargetError, match="no weights today") as caught:
            service.reload()
        assert "scoring/detector.py" in str(caught.value)
        detector.write_text(good.replace("if area > 20", "if area > 1_000_000"))
        with pytest.raises(Rejected):
            service.reload()
        assert service.status().state is State.READY
        assert {item.score for item in service.score(sample)} == {0.8}

        service.rollback()
        assert {item.score for item in service.score(sample)} == {0.9}
        the_container(engine, cache)
    finally:
        service.delete()
    assert containers_of(engine, cache) == []
    assert images_of(engine, "bright-things") == before


def test_without_an_engine_nothing_is_built(
    tmp_path: Path, shell: Run, base_image: str, free_tcp_port: int
) -> None:
    repository = with_base(write_model_repository(tmp_path / "bright-things"), base_image, free_tcp_port)
    done = shell(
        repository,
        *("toc_build", "deploy", "--engine", "docker"),
        check=False,
        DOCKER_HOST=f"unix://{tmp_path}/none.sock",
    )
    assert done.returncode == 2
    assert "TOC-ENGINE-004" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (repository / "requirements.lock").exists()
    unknown = shell(repository, "toc_build", "deploy", "--engine", "rkt", check=False)
    assert unknown.returncode == 2
    assert "process, docker" in unknown.stderr
