"""The image of a real model is the same each time it is made, and answers when it is pulled by that digest.

`test_image.py` shows the same for a small model in every run; these take minutes.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.engine import Registry
from support.running_images import Start, running_images, uri
from support.shell import Run

pytestmark = [pytest.mark.end_to_end, pytest.mark.acceptance]

LAYERS = ("environment", "model", "code")  # on top of the base's
DEEP = Path("a folder whose name is long" * 3, "and another one in it" * 3, "ünïcödé")


@dataclass
class Built:
    """A model repository whose image was built twice, and pushed.

    Attributes:
        repository: with the model.
        image: what `toc-build build --json` said.
        pushed: what `toc-build image push --json` said.
    """

    repository: Path
    image: dict[str, Any]
    pushed: dict[str, Any]


@pytest.fixture
def start(engine_address: str) -> Iterator[Start]:
    """Runs an image as it is to be run."""
    with running_images(engine_address) as run:
        yield run


@pytest.fixture(params=["river-litter", "litert", "azureml-defaults"])
def repository(
    request: pytest.FixtureRequest,
    example: Callable[[str], Path],
    baked: Callable[..., Path],
    base_image: str,
    shell: Run,
) -> Path:
    """TensorFlow's example and fresh bakes, each with a lock, and on the minimal base."""
    if request.param == "litert":
        found = baked(framework="litert", image_form="opencv")
    elif request.param == "azureml-defaults":
        found = baked(framework="custom", image_form="opencv", serving_stack="azureml-defaults")
    else:
        found = example(request.param)
    with (found / "deploy.yml").open("a") as stream:
        stream.write(f"\nimage:\n  base: {base_image}\n")
    shell(found, "toc_build", "lock")
    return found


def test_two_builds_are_one_image_which_keeps_the_contract_when_it_is_pulled_by_digest(
    repository: Path, shell: Run, registry: Registry, start: Start, tmp_path: Path
) -> None:
    elsewhere = tmp_path / DEEP / "copy"
    shutil.copytree(repository, elsewhere, ignore=shutil.ignore_patterns(".toc", ".nox", "__pycache__"))
    first = build(repository, shell, "umask 022", TOC_BUILD_CACHE_DIR=tmp_path / "cache", TZ="UTC")
    second = build(
        elsewhere,
        shell,
        "umask 077; export TOC_BUILD_CACHE_DIR=$PWD/../its-own-cache",
        DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock",
        PYTHONHASHSEED="5",
        SOURCE_DATE_EPOCH="1700000000",
        TZ="Asia/Tokyo",
        LC_ALL="C.UTF-8",
        UV_CACHE_DIR=tmp_path / "wheels",
        one_processor=True,
    )
    assert second["digest"] == first["digest"]

    pushed = push(repository, shell, registry, tmp_path / "cache")
    assert pushed["image"].partition("@")[2] == first["digest"]
    container = start(pushed["image"])
    tested = shell(repository, "toc_build", "test", "--url", uri(container, "/score"))
    assert "contract kept" in tested.stdout
    print(json.dumps({**first, "pushed": pushed, "contract": tested.stdout}))

    changes_send_only_themselves(repository, shell, registry, tmp_path / "cache", first)


def changes_send_only_themselves(
    repository: Path, shell: Run, registry: Registry, cache: Path, first: dict[str, Any]
) -> None:
    """Code is one layer, weights are another, and a push sends that and the configuration."""
    script = repository / "scoring" / "score.py"
    script.write_text(script.read_text() + "\n# changed\n")
    code = build(repository, shell, "umask 022", TOC_BUILD_CACHE_DIR=cache)
    assert changed_layers(first, code) == ["code"]
    sent = push(repository, shell, registry, cache)
    assert [blob["sent"] for blob in sent["blobs"]].count(True) == 2
    print(json.dumps({"code": code["digest"], "sent": sent["sent_bytes"], "there": sent["present_bytes"]}))

    (repository / "model" / "weights-of-tomorrow.bin").write_bytes(bytes(range(256)) * 4000)
    model = build(repository, shell, "umask 022", TOC_BUILD_CACHE_DIR=cache)
    assert changed_layers(code, model) == ["model"]
    sent = push(repository, shell, registry, cache)
    assert [blob["sent"] for blob in sent["blobs"]].count(True) == 2
    print(json.dumps({"model": model["digest"], "sent": sent["sent_bytes"], "there": sent["present_bytes"]}))


def changed_layers(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of the layers that differ; those of the base have none."""
    names = [*["base"] * (len(before["layers"]) - len(LAYERS)), *LAYERS]
    pairs = zip(names, before["layers"], after["layers"], strict=True)
    return [name for name, old, new in pairs if old != new]


def build(
    repository: Path, shell: Run, prelude: str, *, one_processor: bool = False, **environ: object
) -> dict[str, Any]:
    """Builds from a shell that was told something before."""
    processors = ["taskset", "--cpu-list", "0"] if one_processor else []
    done = shell(
        repository,
        *("sh", "-c", f'{prelude}; exec "$@"', "sh"),
        *(*processors, sys.executable, "-m", "toc_build", "build", "--json"),
        timeout=1200,
        **{name: str(value) for name, value in environ.items()},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def push(repository: Path, shell: Run, registry: Registry, cache: Path) -> dict[str, Any]:
    """Pushes what was built."""
    to = f"{registry.address}/models/{repository.name.lower()}"
    done = shell(repository, "toc_build", "image", "push", to, "--json", TOC_BUILD_CACHE_DIR=str(cache))
    found: dict[str, Any] = json.loads(done.stdout)
    return found
