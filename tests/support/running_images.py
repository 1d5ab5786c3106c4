"""Runs images as they are to be run: hardened, each on a free port of this machine."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

Start = Callable[..., Any]
DEADLINE_SECONDS = 120


@contextlib.contextmanager
def running_images(engine_address: str) -> Iterator[Start]:
    """What starts a container of an image, which is pulled when it is named by digest; all end in the end."""
    import docker

    client = docker.DockerClient(base_url=engine_address)
    started: list[Any] = []
    pulled: list[str] = []

    def run(image: str, **changes: Any) -> Any:
        if "@" in image:
            client.images.pull(image)
            pulled.append(image)
        hardened = {
            "read_only": True,
            "tmpfs": {"/tmp": "rw,noexec,nosuid,size=64m"},
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "mem_limit": "1g",
            "pids_limit": 200,
            "init": True,
            "ports": {"5001/tcp": ("127.0.0.1", free_port())},
        }
        container = client.containers.run(image, detach=True, **{**hardened, **changes})
        started.append(container)
        container.reload()
        return container

    try:
        yield run
    finally:
        for container in started:
            container.remove(force=True)
        for image in pulled:
            with contextlib.suppress(docker.errors.APIError):
                client.images.remove(image)
        client.close()


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def uri(container: Any, path: str = "") -> str:
    """Where a container answers, once it does."""
    port = next(iter(container.ports.values()))[0]["HostPort"]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200:
                return f"http://127.0.0.1:{port}{path}"
        except httpx.TransportError:
            pass
        container.reload()
        assert container.status == "running", container.logs().decode()
        assert time.monotonic() < deadline, container.logs().decode()
        time.sleep(0.1)
