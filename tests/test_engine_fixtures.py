"""The engine and the registry that tests of images stand on."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

from support import engine
from support.engine import Registry
from support.targets_bundles import until


def test_an_engine_answers_at_its_address(engine_address: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(engine_address.removeprefix("unix://"))
        connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.0 200")


def test_a_registry_on_loopback(registry: Registry) -> None:
    with urllib.request.urlopen(f"http://{registry.address}/v2/") as answer:
        assert answer.status == 200
    assert until(lambda: any("/v2/" in line for line in registry.log))


def test_two_registries_at_once(registry: Registry, tmp_path: Path) -> None:
    with engine.registry(tmp_path / "second") as second:
        assert second.address != registry.address
