"""Bytes reach the other side whole, each direction ends by itself, and nothing piles up."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from support.targets_bundles import until

from toc_build.targets.local.forwarder import Forwarder
from toc_build.targets.local.ports import listen

Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def answering(talk: Talk) -> Iterator[tuple[str, int]]:
    """A server that talks with each connection in a thread."""
    listener = listen(0)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def public() -> Iterator[socket.socket]:
    with contextlib.closing(listen(0)) as listener:
        yield listener


@contextlib.contextmanager
def forwarding(public: socket.socket, talk: Talk) -> Iterator[Forwarder]:
    with answering(talk) as address:
        forwarder = Forwarder(address)
        forwarder.accept_from(public, public=True)
        try:
            yield forwarder
        finally:
            forwarder.close()


def connected(public: socket.socket) -> socket.socket:
    return socket.create_connection(public.getsockname(), timeout=10)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def echo_backwards(connection: socket.socket) -> None:
    """Answers when the caller has said all."""
    with connection:
        connection.sendall(read_all(connection)[::-1])


def test_the_callers_end_is_passed_on_and_the_answer_still_comes(public: socket.socket) -> None:
    sent = bytes(range(256)) * 40_000
    with forwarding(public, echo_backwards), connected(public) as caller:
        threading.Thread(target=lambda: (caller.sendall(sent), caller.shutdown(socket.SHUT_WR))).start()
        assert read_all(caller) == sent[::-1]


def test_the_answer_arrives_when_the_server_does_not_read_on(public: socket.socket) -> None:
    """As a server does that refuses a request that is too large, and closes with the rest unread."""

    def refuse(connection: socket.socket) -> None:
        connection.recv(10)
        connection.sendall(b"413 too large")
        connection.close()

    with forwarding(public, refuse), connected(public) as caller:
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                caller.sendall(b"x" * 100_000)
        assert read_all(caller) == b"413 too large"


def test_who_reads_slowly_slows_the_writer(public: socket.socket) -> None:
    written = 0
    closed = threading.Event()

    def pour(connection: socket.socket) -> None:
        nonlocal written
        connection.recv(1)
        connection.settimeout(0.5)
        with connection, contextlib.suppress(TimeoutError):
            while written < 1_000_000_000:
                written += connection.send(b"y" * 100_000)
        closed.set()

    with forwarding(public, pour), connected(public) as caller:
        caller.sendall(b"?")
        assert closed.wait(20)
        assert written < 100_000_000  # what the sockets' own buffers take


def test_no_connection_is_lost_when_another_takes_over(public: socket.socket) -> None:
    def say(text: bytes) -> Talk:
        def talk(connection: socket.socket) -> None:
            with connection:
                connection.recv(100)
                connection.sendall(text)

        return talk

    answers: list[bytes] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            with connected(public) as caller:
                caller.sendall(b"?")
                answers.append(read_all(caller))

    with forwarding(public, say(b"one")) as first, forwarding(public, say(b"two")) as second:
        second.stop_accepting()
        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        assert until(lambda: len(answers) > 20)
        second.accept_from(public, public=True)
        first.stop_accepting()
        assert until(lambda: not first.busy())
        first.close()
        counted = len(answers)
        assert until(lambda: len(answers) > counted + 20)
        done.set()
        for client in clients:
            client.join()
    assert set(answers) == {b"one", b"two"}
    assert answers[-1] == b"two"


def test_busy_while_an_answer_is_due(public: socket.socket) -> None:
    asked, release = threading.Event(), threading.Event()

    def think(connection: socket.socket) -> None:
        connection.recv(100)
        asked.set()
        release.wait(10)
        connection.sendall(b"!")

    with forwarding(public, think) as forwarder, connected(public) as caller:
        caller.sendall(b"?")
        assert asked.wait(10)
        assert forwarder.busy()
        release.set()
        assert caller.recv(10) == b"!"
        assert until(lambda: not forwarder.busy())  # kept open, but nothing is due
    assert not forwarder.busy()


def test_nobody_behind_it(public: socket.socket) -> None:
    with contextlib.closing(listen(0)) as closed:
        address = closed.getsockname()
    forwarder = Forwarder(address)
    forwarder.accept_from(public, public=True)
    with connected(public) as caller:
        caller.sendall(b"?")
        assert read_all(caller) == b""
    forwarder.close()
    forwarder.close()  # harmless


def test_the_socket_stays_the_services(public: socket.socket) -> None:
    with forwarding(public, echo_backwards):
        pass
    with connected(public) as waiting, forwarding(public, echo_backwards):  # it waited in the queue
        waiting.sendall(b"ab")
        waiting.shutdown(socket.SHUT_WR)
        assert read_all(waiting) == b"ba"
