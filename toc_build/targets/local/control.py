"""The line between a command and the supervisor: a Unix socket, in a folder that only this user may enter.

A request is one line of JSON; events come back, and at last `done` or `error`. In between the supervisor may
consult the asker, who answers with one line: that is how a new version is judged. The connection is also the
asker's lease: when it ends before that, because the asker died or shut its side, the work is cancelled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import socket
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from toc_build.errors import Problem, TargetError, UserError
from toc_build.targets.local.server import OperationCancelled
from toc_build.targets.protocol import Event, EventKind

# sockaddr_un holds 104 bytes on macOS, 108 on Linux, with the closing zero.
MAX_SOCKET_PATH = 100
GOODBYE_SECONDS = 10.0
LOOK_SECONDS = 0.1  # how often a consultation notices that it is not wanted any more

Emit = Callable[[Event], None]
Consult = Callable[[dict[str, Any]], None]
Handler = Callable[[dict[str, Any], Emit, threading.Event, Consult], None]


def control_path(root: Path) -> Path:
    """Where the control socket goes: in the state folder, or elsewhere where that path is too long."""
    path = root / "control"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes it private
        if parent and os.access(parent, os.W_OK) and len(os.fsencode(parent)) < MAX_SOCKET_PATH - 30:
            return Path(tempfile.mkdtemp(prefix="toc-build-", dir=parent)) / "control"
    return path


def lost_supervisor(log: Path) -> TargetError:
    """The supervisor does not answer, or went away in the middle."""
    return TargetError(
        "the service's supervisor ended unexpectedly",
        code="TOC-LOCAL-023",
        where=str(log),
        fix="see the end of that log; the next deployment starts afresh",
    )


class ControlServer:
    """The supervisor's end.

    Args:
        handler: does what a request asks; called in a thread of its own for each. It may raise TargetError
            and OperationCancelled. Its last argument asks the asker back and raises what that answers.
        on_end: called whenever a conversation has ended.
    """

    def __init__(self, handler: Handler, on_end: Callable[[], None]) -> None:
        self._handler = handler
        self._on_end = on_end
        self._listener: socket.socket | None = None

    def listen(self, path: Path) -> None:
        """Take connections at a path; a dead socket that lies there is replaced."""
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(16)
        threading.Thread(target=self._accept, args=(self._listener,), name="control", daemon=True).start()

    def adopt(self, connection: socket.socket) -> None:
        """Take a connection that is there already."""
        threading.Thread(target=self._converse, args=(connection,), name="conversation", daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.adopt(connection)

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                request = json.loads(lines.readline() or "null")
            except (OSError, ValueError):
                request = None
            if isinstance(request, dict):
                cancelled = threading.Event()
                verdicts: queue.Queue[dict[str, Any]] = queue.Queue()
                arguments = (connection, request, cancelled, verdicts)
                work = threading.Thread(target=self._work, args=arguments, daemon=True)
                work.start()
                with contextlib.suppress(OSError, ValueError):
                    while line := lines.readline():
                        verdicts.put(json.loads(line))
                cancelled.set()
                work.join()
        self._on_end()

    def _work(
        self,
        connection: socket.socket,
        request: dict[str, Any],
        cancelled: threading.Event,
        verdicts: queue.Queue[dict[str, Any]],
    ) -> None:
        def send(message: dict[str, Any]) -> None:
            with contextlib.suppress(OSError):  # the asker is gone: the conversation notices
                connection.sendall(json.dumps(message).encode() + b"\n")

        def emit(event: Event) -> None:
            send({"event": dataclasses.asdict(event) | {"kind": event.kind.value}})

        def consult(question: dict[str, Any]) -> None:
            send({"consult": question})
            while not cancelled.is_set():
                with contextlib.suppress(queue.Empty):
                    if problems := verdicts.get(timeout=LOOK_SECONDS).get("refused"):
                        raise TargetError.collect(Problem(**problem) for problem in problems)
                    return
            raise OperationCancelled

        try:
            self._handler(request, emit, cancelled, consult)
            send({"done": True})
        except TargetError as error:
            send({"error": [dataclasses.asdict(problem) for problem in error.problems]})
        except OperationCancelled:
            send({"cancelled": True})
        except Exception:  # noqa: BLE001 - whoever asked is told, and the supervisor goes on
            problem = Problem(
                "TOC-LOCAL-035",
                "the service's supervisor met something unforeseen",
                fix="end it with `toc-build delete` and deploy again; if that fails too, it is a bug",
                details=traceback.format_exc(),
            )
            send({"error": [dataclasses.asdict(problem)]})
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class ControlClient:
    """A command's end.

    Args:
        connection: to the supervisor; closed by `close()`.
        log: named when the supervisor goes away.
    """

    def __init__(self, connection: socket.socket, log: Path) -> None:
        self._connection = connection
        self._log = log

    @classmethod
    def connect(cls, path: Path, log: Path) -> ControlClient:
        """Connect to a running supervisor.

        Raises:
            TargetError: it does not take the connection.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            raise lost_supervisor(log) from None
        return cls(connection, log)

    def ask(
        self, request: dict[str, Any], consulted: Callable[[dict[str, Any]], None] | None = None
    ) -> Iterator[Event]:
        """Send a request and pass on what comes back.

        Args:
            request: JSON values.
            consulted: called when the supervisor asks back; it refuses by raising a UserError.

        Raises:
            UserError: as raised by `consulted`, once the supervisor has heeded it.
            TargetError: as raised by the supervisor, or because it went away.
        """
        refusal: UserError | None = None
        try:
            self._send(request)
            with self._connection.makefile("rb") as lines:
                for line in lines:
                    message = json.loads(line)
                    if "event" in message:
                        values = message["event"]
                        yield Event(**{**values, "kind": EventKind(values["kind"])})
                    elif "consult" in message:
                        refusal = self._consult(message["consult"], consulted)
                    elif "error" in message and refusal is not None:
                        raise refusal
                    elif "error" in message:
                        raise TargetError.collect(Problem(**problem) for problem in message["error"])
                    elif "done" in message:
                        return
        except (OSError, ValueError):
            pass
        raise lost_supervisor(self._log)

    def _send(self, message: dict[str, Any]) -> None:
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def _consult(
        self, question: dict[str, Any], consulted: Callable[[dict[str, Any]], None] | None
    ) -> UserError | None:
        refusal = None
        if consulted is not None:
            try:
                consulted(question)
            except UserError as error:
                refusal = error
        problems = [dataclasses.asdict(problem) for problem in refusal.problems] if refusal else []
        self._send({"refused": problems})
        return refusal

    def close(self) -> None:
        """Say goodbye: work that has not ended is cancelled, and what it made is gone when this returns."""
        with self._connection as connection, contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(GOODBYE_SECONDS)
            while connection.recv(65536):
                pass
