"""A real image: built twice, pulled by digest, run hardened, stopped under load; and by its Dockerfile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.engine import Registry
from support.real_base import minimal_base, shared_base
from support.running_images import Start, running_images, uri
from support.shell import Run

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "bright-blob"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SLOW = """
import time
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

def init(): ...

@rawhttp
def run(request):
    size = len(request.get_data())
    time.sleep(1.5)
    return AMLResponse(str(size), 200)
"""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_base(tmp_path_factory)


@pytest.fixture
def repository(tmp_path: Path, base: Path) -> Path:
    """The example with the minimal base."""
    return copy_example(tmp_path / "bright-blob", base)


def copy_example(place: Path, base: Path) -> Path:
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns(".toc", "__pycache__", ".nox"))
    with (place / "deploy.yml").open("a") as stream:
        stream.write(f"\nimage:\n  base: oci:{base}\n")
    return place


@pytest.fixture
def start(engine_address: str) -> Iterator[Start]:
    """Runs an image as it is to be run."""
    with running_images(engine_address) as run:
        yield run


def as_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_base_is_the_same_each_time_it_is_made(base: Path, tmp_path: Path) -> None:
    named = json.loads((base / "index.json").read_text())["manifests"][0]["digest"]

    assert minimal_base(tmp_path / "again", PYTHONHASHSEED="3", TZ="Asia/Tokyo") == named


def test_two_builds_are_one_image_and_it_keeps_the_contract_wherever_it_runs(
    repository: Path, base: Path, shell: Run, registry: Registry, start: Start, tmp_path: Path
) -> None:
    first = as_json(shell(repository, "toc_build", "build", "--json"))
    elsewhere = copy_example(tmp_path / "elsewhere" / "copy", base)
    second = as_json(
        shell(
            elsewhere,
            "toc_build",
            "build",
            "--json",
            TOC_BUILD_CACHE_DIR=str(tmp_path / "another-cache"),
            DOCKER_HOST="tcp://127.0.0.1:1",
            PYTHONHASHSEED="5",
        )
    )
    assert second["digest"] == first["digest"]

    pushed = as_json(
        shell(repository, "toc_build", "image", "push", f"{registry.address}/models/bright-blob", "--json")
    )
    assert pushed["image"].partition("@")[2] == first["digest"]
    container = start(pushed["image"])

    tested = shell(repository, "toc_build", "test", "--url", uri(container, "/score"))
    assert "0 failed" in tested.stderr + tested.stdout

    script = repository / "scoring" / "score.py"
    script.write_text(script.read_text() + "\n# changed\n")
    again = as_json(
        shell(repository, "toc_build", "image", "push", f"{registry.address}/models/bright-blob", "--json")
    )
    assert again["image"] != pushed["image"]
    assert sum(blob["sent"] for blob in again["blobs"]) == 2, "the code and the configuration"
    assert again["sent_bytes"] < 200_000


def test_a_stop_under_load_loses_no_accepted_request(
    repository: Path, shell: Run, start: Start, engine_address: str
) -> None:
    (repository / "scoring" / "score.py").write_text(SLOW)
    made = as_json(shell(repository, "toc_build", "build", "--json", "--archive", "image.tar"))
    image = load(repository / "image.tar", engine_address)
    assert image == made["config_digest"]
    container = start(image)
    address = uri(container, "/score")
    answers: list[int] = []

    def post() -> None:
        answers.append(httpx.post(address, content=b"12345", timeout=30, trust_env=False).status_code)

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)  # they are inside run() now, which takes three times as long
    container.stop(timeout=30)
    for thread in threads:
        thread.join()

    container.reload()
    assert answers == [200, 200, 200, 200]
    assert container.attrs["State"]["ExitCode"] == 0


def load(archive: Path, engine_address: str) -> str:
    """Puts an archive into the engine, as `docker load` does, and returns the image's id."""
    import docker

    client = docker.DockerClient(base_url=engine_address)
    with archive.open("rb") as stream:
        (image,) = client.images.load(stream)
    client.close()
    return str(image.id)


@pytest.fixture(scope="session")
def builder(engine_address: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with a shell, Python and pip, which Docker Hub would have."""
    archive = tmp_path_factory.mktemp("builder") / "builder.tar"
    packages = "--include=python3,python3-pip,ca-certificates"
    options = ["--variant=apt", packages, '--aptopt=Apt::Install-Recommends "false"']
    subprocess.run(["mmdebstrap", *options, "bookworm", str(archive)], check=True, capture_output=True)
    import docker

    client = docker.DockerClient(base_url=engine_address)
    client.api.import_image(str(archive), repository="toc-build-tests/builder", tag="1")
    client.close()
    return "toc-build-tests/builder:1"


def test_the_dockerfile_builds_an_image_that_keeps_the_contract(
    repository: Path,
    base: Path,
    shell: Run,
    registry: Registry,
    start: Start,
    engine_address: str,
    builder: str,
) -> None:
    named = f"{registry.address}/python-base:bookworm"
    publish(base, named)
    shell(repository, "toc_build", "build", "--dockerfile", "context")

    container = start(by_dockerfile(repository, "bright-blob", builder, named, engine_address))

    tested = shell(repository, "toc_build", "test", "--url", uri(container, "/score"))
    assert "0 failed" in tested.stderr + tested.stdout


@pytest.mark.acceptance
def test_the_dockerfile_takes_azure_mls_own_packages_too(
    baked: Callable[..., Path],
    base: Path,
    shell: Run,
    registry: Registry,
    start: Start,
    engine_address: str,
    builder: str,
) -> None:
    repository = baked(framework="custom", image_form="opencv", serving_stack="azureml-defaults")
    with (repository / "deploy.yml").open("a") as stream:
        stream.write(f"\nimage:\n  base: oci:{base}\n")
    named = f"{registry.address}/python-base:bookworm"
    publish(base, named)
    shell(repository, "toc_build", "build", "--dockerfile", "context")
    assert "azureml-defaults==" in (repository / "requirements.lock").read_text()

    container = start(by_dockerfile(repository, "azureml-defaults", builder, named, engine_address))

    tested = shell(repository, "toc_build", "test", "--url", uri(container, "/score"))
    assert "0 failed" in tested.stderr + tested.stdout


def by_dockerfile(repository: Path, name: str, builder: str, base: str, engine_address: str) -> str:
    """Has the engine build `context`, and returns the image's name."""
    tag = f"toc-build-tests/{name}:1"
    command = ["build", "--network", "host", "--tag", tag]
    command += ["--build-arg", f"BUILDER={builder}", "--build-arg", f"BASE={base}"]
    if CERTIFICATES.exists():
        command += ["--secret", f"id=ca,src={CERTIFICATES}"]
    docker = next(filter(None, (shutil.which("docker", path="/usr/bin"), shutil.which("docker"))))

    built = subprocess.run(
        [docker, *command, "context"],
        cwd=repository,
        env={**os.environ, "DOCKER_HOST": engine_address, "DOCKER_BUILDKIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    return tag


def publish(layout: Path, name: str) -> None:
    """Sends an OCI layout to a registry."""
    from toc_build.image.built import BuiltImage, Descriptor
    from toc_build.image.registry import ImageName, push
    from toc_build.image.registry.client import Connection

    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())
    layers = tuple(Descriptor(item["digest"], item["size"], item["mediaType"]) for item in manifest["layers"])
    image = BuiltImage(layout, digest, manifest["config"]["digest"], name, 0, layers)
    target = ImageName.parse(name)
    with Connection(target, push=True) as line:
        push(image, line, tags=(target.tag or "latest",))
