"""A fresh bake is green as it is, for every framework and form of the image; each framework is served."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support.shell import Run

pytestmark = pytest.mark.end_to_end

FRAMEWORKS = ("custom", "litert", "onnxruntime", "tensorflow")
FORMS = ("opencv", "pillow", "file", "bytes")


@pytest.mark.parametrize(("framework", "form"), list(itertools.product(FRAMEWORKS, FORMS[1:])))
def test_nox_is_green(baked: Callable[..., Path], shell: Run, framework: str, form: str) -> None:
    repository = baked(framework=framework, image_form=form)
    done = shell(repository, "nox")
    assert "contract kept" in done.stdout


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_whole_way(baked: Callable[..., Path], shell: Run, free_tcp_port: int, framework: str) -> None:
    """Also the noxfile's own header: plain nox installs the toc-build that baked the repository."""
    repository = baked(framework=framework, image_form="opencv")
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(deploy_yml.read_text().replace("8890", str(free_tcp_port)))
    shell(repository, "nox", script_mode=True)
    shell(repository, "nox", "-s", "test", "deploy_local", script_mode=True)
    samples = sorted(path for path in (repository / "samples").iterdir() if path.suffix != ".json")
    assert samples
    for sample in samples:
        answer = httpx.post(
            f"http://127.0.0.1:{free_tcp_port}/score", content=sample.read_bytes(), trust_env=False
        )
        assert answer.status_code == 200, answer.text
        expected = json.loads(sample.with_suffix(".json").read_text())
        assert len(answer.json()) == len(expected)
        assert {item["label"] for item in answer.json()} == {item["label"] for item in expected}
    assert json.loads(shell(repository, "toc_build", "status", "--json").stdout)["state"] == "ready"
    shell(repository, "nox", "-s", "delete")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{free_tcp_port}/", trust_env=False)
