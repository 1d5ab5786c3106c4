"""A way to the engine that can be cut: for its clients the engine has stopped then."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from toc_build.targets.local.ports import listen


class EngineProxy:
    """Hands TCP connections on to an engine's Unix socket until it is cut."""

    def __init__(self, engine_address: str) -> None:
        self._path = engine_address.removeprefix("unix://")
        self._listener = listen(0)
        self._open: list[socket.socket] = [self._listener]
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and take no more."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._path)
                self._open += [caller, engine]
                for source, sink in ((caller, engine), (engine, caller)):
                    threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for data in _pieces(source):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _pieces(source: socket.socket) -> Iterator[bytes]:
    while data := source.recv(65536):
        yield data
