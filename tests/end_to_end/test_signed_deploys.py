"""`image: signed_by:` as a user meets it: a deploy takes the image that was signed, and no other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import docker
import pytest
from support.cosign import put_cosign
from support.engine import Registry
from support.model_repository import write_model_repository
from support.shell import Run
from support.targets_bundles import containers_of, the_container

pytestmark = pytest.mark.end_to_end

BLOCK = """
image:
  base: {base}
  repository: {registry}/models/{name}
  signed_by: keys/ours.pub
"""


@pytest.fixture(params=["stand-in", "cosign"])
def keys(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the key pairs `ours` and `theirs`, of cosign's or of what stands in for it."""
    if request.param == "stand-in":
        monkeypatch.setenv("PATH", put_cosign(tmp_path / "bin"))
    elif shutil.which("cosign") is None:
        pytest.skip("cosign is not installed; signing is optional")
    monkeypatch.setenv("COSIGN_PASSWORD", "secret")
    folder = tmp_path / "keys"
    folder.mkdir()
    for prefix in ("ours", "theirs"):
        command = ["cosign", "generate-key-pair", "--output-key-prefix", prefix]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_a_deploy_takes_what_was_signed_and_nothing_else(
    keys: Path,
    tmp_path: Path,
    cache: Path,
    shell: Run,
    engine_address: str,
    registry: Registry,
    base_image: str,
    free_tcp_port: int,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine_address)
    name = f"signed-{request.node.callspec.id}"
    repository = write_model_repository(tmp_path / name)
    (repository / "keys").mkdir()
    shutil.copy(keys / "ours.pub", repository / "keys")
    deploy_yml = repository / "deploy.yml"
    text = deploy_yml.read_text().replace("8890", str(free_tcp_port))
    deploy_yml.write_text(text + BLOCK.format(base=base_image, registry=registry.address, name=name))

    def refused(*command: str, **environ: str) -> str:
        done = shell(repository, "toc_build", *command, check=False, **environ)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    def push(key: str) -> str:
        done = shell(repository, "toc_build", "image", "push", "--json", "--sign", str(keys / key))
        pushed: str = json.loads(done.stdout)["image"]
        return pushed

    deploy = ("deploy", "--engine", "docker")
    client = docker.DockerClient(base_url=engine_address)
    try:
        said = refused(*deploy)
        assert "TOC-IMAGE-063" in said
        assert "image -> signed_by" in said
        pushed = push("theirs.key")
        said = refused(*deploy)
        assert "TOC-IMAGE-063" in said
        assert pushed in said.replace("\n", "")
        assert "TOC-IMAGE-060" in refused(*deploy, PATH=without_cosign(tmp_path))
        assert containers_of(client, cache) == []

        assert push("ours.key") == pushed
        shell(repository, "toc_build", *deploy)
        first = the_container(client, cache)

        detector = repository / "scoring" / "detector.py"
        detector.write_text(detector.read_text() + "\n# nobody has signed this\n")
        assert "TOC-IMAGE-063" in refused(*deploy)
        reload = f"import toc_build; toc_build.open_service({str(repository)!r}).reload()"
        done = shell(repository, sys.executable, "-c", reload, check=False)
        assert done.returncode != 0
        assert "TOC-IMAGE-063" in done.stderr
        assert the_container(client, cache).id == first.id
    finally:
        shell(repository, "toc_build", "delete", check=False)
        client.close()


def without_cosign(folder: Path) -> str:
    """A PATH of a folder with git alone."""
    found = folder / "no-cosign"
    found.mkdir(exist_ok=True)
    for program in ("git", "uv"):
        place = shutil.which(program)
        if place and not (found / program).exists():
            (found / program).symlink_to(place)
    return str(found)
