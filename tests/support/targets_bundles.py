"""Tiny bundles made by hand, and what tests of the local target need to look at processes and ports."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from toc_build.errors import TargetError
from toc_build.targets import Event
from toc_build.targets.local import ContainerSettings, LocalSettings, LocalTarget
from toc_build.targets.local.container_run import OWNER_LABEL
from toc_build.targets.local.images import ImageShelf
from toc_build.targets.local.settings import BundleReference

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CONTAINER = "TOC_TEST_CONTAINER"  # the engine's address and an image: `target()` runs containers
PYTHON = Path(sys.executable)

ANSWERING = """
import json, os
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

{before}

def init():
    {init}

@rawhttp
def run(request):
    {run}
    answer = {{"version": {version!r}, "pid": os.getpid()}}
    return AMLResponse(json.dumps(answer), 200, {{"Content-Type": "application/json"}})
"""


@dataclass(frozen=True)
class HandMadeBundle:
    root: Path
    digest: str


def make_bundle(
    folder: Path,
    version: str = "one",
    *,
    before: str = "",
    init: str = "pass",
    run: str = "pass",
    source: str | None = None,
    **modules: str,
) -> HandMadeBundle:
    """A bundle whose scorer answers its version; `source` is the whole script, `modules` lie beside it."""
    (folder / "code").mkdir(parents=True)
    (folder / "model").mkdir()
    script = (
        ANSWERING.format(version=version, before=before, init=init, run=run) if source is None else source
    )
    (folder / "code" / "score.py").write_text(textwrap.dedent(script).lstrip("\n"), "utf-8")
    (folder / "code" / "scoring.json").write_text("{}", "utf-8")
    for name, text in modules.items():
        (folder / "code" / f"{name}.py").write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")
    return HandMadeBundle(folder, f"sha256:{version:0>64}")


class MountingShelf(ImageShelf):
    """Gives every bundle the one image that holds the server alone."""

    def __init__(self, image: str) -> None:
        self._image = image

    def put(
        self, bundle: BundleReference, wanted: ContainerSettings
    ) -> Generator[Event, None, ContainerSettings]:
        yield from ()
        return dataclasses.replace(wanted, image=self._image)

    def serves(self, bundle: BundleReference, settings: ContainerSettings) -> None:
        return

    def clear(self) -> None:
        return


def container_settings(**limits: Any) -> ContainerSettings | None:
    """The container that a test asks for with the fixture `in_container`; None for a process."""
    if CONTAINER not in os.environ:
        return None
    engine, image = os.environ[CONTAINER].split()
    return ContainerSettings(image=image, engine=engine, mounted=True, **limits)


def target(
    state: Path, port: int, *, readiness_seconds: float = 30.0, workers: int = 1, **limits: Any
) -> LocalTarget:
    container = container_settings(**limits)
    settings = LocalSettings(
        PYTHON,
        port=port,
        readiness_seconds=readiness_seconds,
        timeout_seconds=10.0,
        workers=workers,
        container=container,
    )
    return LocalTarget(state, settings, MountingShelf(container.image) if container else None)


def containers_of(client: DockerClient, states: Path) -> list[Container]:
    """The containers of the services in a folder of state folders, running or not."""
    found = client.containers.list(all=True, filters={"label": OWNER_LABEL}, ignore_removed=True)
    return [container for container in found if container.labels[OWNER_LABEL].startswith(f"{states}/")]


def the_container(client: DockerClient, states: Path) -> Container:
    """The one container there is, once one that was replaced has finished what it had."""
    assert until(lambda: len(containers_of(client, states)) == 1, 20), containers_of(client, states)
    return containers_of(client, states)[0]


def said(service: LocalTarget, words: str) -> bool:
    """Whether the service's log holds these words."""
    try:
        return any(words in line for line in service.logs())
    except TargetError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(port: int, timeout: float = 10.0) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/score", data=b"x", method="POST")
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return str(answer.read().decode())


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def processes(marker: Path) -> list[psutil.Process]:
    """The living processes whose command line or environment names a path: those of a test."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
            if process.status() != psutil.STATUS_ZOMBIE and any(str(marker) in word for word in words):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != psutil.Process().pid]


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
