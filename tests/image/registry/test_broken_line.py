"""A push to a real registry over a line that breaks: it goes on where it stopped, and the image is whole."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from support.engine import Registry
from support.image_layouts import make_image

from toc_build.image.registry import ImageName, push
from toc_build.image.registry.client import Connection

SIZE = 12_000_000


class BreakingLine:
    """Passes connections on to a registry, and cuts each of the first ones after so many bytes."""

    def __init__(self, target: str, *, cuts: int, after: int) -> None:
        host, _, port = target.partition(":")
        self._target = (host, int(port))
        self._cuts, self._after = cuts, after
        self.sent = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                registry = socket.create_connection(self._target)
                threading.Thread(target=self._copy, args=(registry, client, False), daemon=True).start()
                threading.Thread(target=self._copy, args=(client, registry, True), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                passed += len(data)
                self.sent += len(data) if counted else 0
                if counted and self._cuts and passed > self._after:
                    self._cuts -= 1
                    break
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @property
    def left(self) -> int:
        return self._cuts


@pytest.fixture
def line(registry: Registry) -> Iterator[BreakingLine]:
    broken = BreakingLine(registry.address, cuts=3, after=3_000_000)
    yield broken
    broken.close()


def test_the_image_arrives_whole_and_little_is_sent_twice(line: BreakingLine, tmp_path: Path) -> None:
    image = make_image(tmp_path / "image", [{"noise": random.Random(7).randbytes(SIZE)}], "broken:1")
    name = ImageName.parse(f"{line.address}/broken/line:1")
    slept: list[float] = []

    with Connection(name, push=True, sleep=slept.append) as connection:
        done = push(image, connection, tags=("1",))

    assert line.left == 0
    assert len(slept) == 3
    assert SIZE < line.sent < SIZE + 4 * 3_200_000
    for layer in image.layers:
        answer = httpx.get(f"http://{line.address}/v2/broken/line/blobs/{layer.digest}", trust_env=False)
        assert answer.content == image.blob(layer.digest).read_bytes()
    assert done.sent > SIZE
