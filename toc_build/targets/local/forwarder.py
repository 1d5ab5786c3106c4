"""Hands connections on to a container, byte for byte: what a server in a container accepts with.

A container cannot take over a listening socket of this machine, so a `ServerContainer` has one of these. It
runs in a thread of its own. Each direction of a connection ends by itself (a half-closed one goes on), and
whoever reads slowly slows down whoever writes to them: nothing piles up here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from toc_build.targets.local.ports import BACKLOG, share

CONNECT_SECONDS = 10.0
LINGER_SECONDS = 5.0  # how long a caller that was told the end may take to hang up
LAST_WORDS_SECONDS = 2.0
LOOK_SECONDS = 0.01
DO_SECONDS = 10.0  # a loop that takes longer is stuck: a bug
FRESH_SECONDS = 1.0  # a connection this young is expected to bring a request
_Result = TypeVar("_Result")


class Forwarder:
    """Accepts connections from listening sockets and hands each on to one address.

    Args:
        address: host and port.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._pairs: set[_Pair] = set()
        self._servers: list[asyncio.Server] = []
        self._public: list[tuple[asyncio.Server, socket.socket]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"forward-{address[1]}", daemon=True)
        self._thread.start()

    def accept_from(self, listener: socket.socket, *, public: bool) -> None:
        """Accept from a listening socket, too; it stays the caller's.

        Args:
            listener: the socket.
            public: whether `stop_accepting()` is about it.
        """
        self._do(self._listen(share(listener), public))

    def stop_accepting(self) -> None:
        """Accept no more from public sockets; connections that there are go on."""
        if self._thread.is_alive():
            self._do(self._stop_accepting())

    def busy(self) -> bool:
        """Whether a caller waits for an answer, or has just come and will send a request."""
        return self._thread.is_alive() and self._do(self._busy())

    def close(self) -> None:
        """End; connections are cut, once what was on its way to a caller has gone. Harmless when repeated."""
        if not self._thread.is_alive():
            return
        self._do(self._last_words())
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            for server in (*self._servers, *(server for server, _ in self._public)):
                server.close()
            for pair in list(self._pairs):
                pair.abort()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(asyncio.sleep(0))  # the transports' last callbacks
        finally:
            self._loop.close()

    def _do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DO_SECONDS)

    async def _listen(self, listener: socket.socket, public: bool) -> None:
        server = await self._loop.create_server(self._caller, sock=listener, backlog=BACKLOG)
        if public:
            self._public.append((server, listener))
        else:
            self._servers.append(server)

    async def _stop_accepting(self) -> None:
        for server, listener in self._public:
            # Who waits in the socket's queue would be refused, if nobody else accepted from it.
            waiting = list(_all_waiting(listener))
            server.close()
            for connection in waiting:
                await self._loop.connect_accepted_socket(self._caller, connection)
        self._public.clear()

    async def _last_words(self) -> None:
        deadline = self._loop.time() + LAST_WORDS_SECONDS
        while any(pair.telling() for pair in self._pairs) and self._loop.time() < deadline:
            await asyncio.sleep(LOOK_SECONDS)

    def _caller(self) -> _Caller:
        return _Caller(_Pair(self._address, self._pairs))

    async def _busy(self) -> bool:
        return any(pair.busy() for pair in self._pairs)


def _all_waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Every connection that waits to be accepted."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            yield connection


class _Pair:
    """A caller's connection and the one to the container that belongs to it."""

    def __init__(self, address: tuple[str, int], pairs: set[_Pair]) -> None:
        self.address = address
        self._pairs = pairs
        self.caller: asyncio.Transport | None = None
        self.server: asyncio.Transport | None = None
        self.awaiting = False  # the caller has said something that was not answered yet
        self.said_all = False  # the container has nothing more to say
        self._met = time.monotonic()
        self._said_anything = False
        pairs.add(self)

    def busy(self) -> bool:
        """Whether an answer is due, or a request is about to come."""
        return self.awaiting or (not self._said_anything and time.monotonic() - self._met < FRESH_SECONDS)

    def telling(self) -> bool:
        """Whether the caller may still be told something."""
        if self.caller is None or self.server is None or self.caller.is_closing():
            return False
        return not self.said_all or self.caller.get_write_buffer_size() > 0

    def asked(self) -> None:
        """The caller has said something."""
        self.awaiting = self._said_anything = True

    def abort(self) -> None:
        """Cut both connections."""
        for transport in (self.caller, self.server):
            if transport is not None:
                transport.abort()
        self.forget()

    def forget(self) -> None:
        """Nobody waits for this pair any more."""
        self.awaiting = False
        self._pairs.discard(self)


class _Caller(asyncio.Protocol):
    """The caller's side. The container is connected to when the caller has said something."""

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair
        self._held: list[bytes] = []
        self._ended = False
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP is no less
        self._transport = self._pair.caller = transport

    def data_received(self, data: bytes) -> None:
        self._pair.asked()
        if self._pair.server is not None:
            if not self._pair.server.is_closing():
                self._pair.server.write(data)
            return  # otherwise the server has said its last word: the rest is read and dropped
        self._held.append(data)
        self._transport.pause_reading()
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())

    def eof_received(self) -> bool:
        self._ended = True
        server = self._pair.server
        if server is not None and not server.is_closing():
            server.write_eof()
        return server is not None or self._connecting is not None

    def connection_lost(self, _error: Exception | None) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._pair.server is not None:
            self._pair.server.close()  # what it was still to be told is told first
        self._pair.forget()

    def pause_writing(self) -> None:
        if self._pair.server is not None:
            self._pair.server.pause_reading()

    def resume_writing(self) -> None:
        if self._pair.server is not None and not self._pair.server.is_closing():
            self._pair.server.resume_reading()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            connecting = loop.create_connection(lambda: _Answerer(self._pair), *self._pair.address)
            transport, _ = await asyncio.wait_for(connecting, CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError):
            self._transport.close()
            return
        self._pair.server = transport
        transport.writelines(self._held)
        self._held.clear()
        if self._ended:
            transport.write_eof()
        elif not self._transport.is_closing():
            self._transport.resume_reading()


class _Answerer(asyncio.Protocol):
    """The container's side."""

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport.get_extra_info("socket")
        if self._pair.caller is None or self._pair.caller.is_closing():
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._pair.awaiting = False
        if self._pair.caller is not None:
            self._pair.caller.write(data)

    def eof_received(self) -> bool:
        self._say_goodbye()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._read_last_words()
        self._say_goodbye()

    def pause_writing(self) -> None:
        if self._pair.caller is not None:
            self._pair.caller.pause_reading()

    def resume_writing(self) -> None:
        if self._pair.caller is not None and not self._pair.caller.is_closing():
            self._pair.caller.resume_reading()

    def _read_last_words(self) -> None:
        """Pass on an answer that came before the server closed with a part of the request unread.

        Writing to it has failed then, and asyncio reads no more.
        """
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._socket.fileno())) as rest:
            while data := rest.recv(65536):
                self.data_received(data)

    def _say_goodbye(self) -> None:
        """Tell the caller that no more comes."""
        self._pair.awaiting = False
        caller = self._pair.caller
        if caller is not None and not caller.is_closing() and not self._pair.said_all:
            self._pair.said_all = True
            caller.write_eof()
            # Closed at once, with bytes of the caller's unread, it would lose the answer on its way.
            asyncio.get_running_loop().call_later(LINGER_SECONDS, caller.close)
