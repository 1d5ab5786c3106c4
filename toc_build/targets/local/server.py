"""What a server of one version is, whatever runs it: a `Service` owns it from its start to its end.

`server_process` runs it as a process of this machine, `server_container` in a container; `servers` chooses.
Either holds two sockets: the service's public one, from which it accepts only after `open_gate()`, and a
private one of its own on 127.0.0.1, over which it is asked whether it is ready, and can be judged before any
client meets it.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from pathlib import Path

from toc_build.errors import TargetError
from toc_build.targets.local import diagnose
from toc_build.targets.local.identity import ProcessIdentity
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.settings import LOOPBACK, BundleReference, LocalSettings

KEPT_LINES = 3000
LINE_CHARACTERS = 16_384
LINE_BYTES = 65_536  # what is read at once of a line without an end
TICK_SECONDS = 0.05
STACK_LEAD_SECONDS = 0.3  # the stacks of a hanging start are written so long before the deadline
# What is printed when a start has failed for certain: the last line of azmlinfsrv's traceback (the worker
# takes half a second
# more to end), or gunicorn's words on a worker that ended (it would wait for the other workers, or start a
# new one).
_START_FAILED = re.compile(
    r"^azureml_inference_server_http\.server\.user_script\.UserScript"
    r"|Worker \(pid:\d+\) (exited with code [1-9]|was sent SIG(?!TERM|QUIT|INT))"
)
_PROBE = f"GET / HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode()


class OperationCancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Whoever asked for the work does not want it any more."""


class Server(ABC):
    """A running server. It exists as soon as the object does, and ends with `stop()` or `kill()`.

    Args:
        bundle: what it serves.
        settings: how.
        folder: to be made, for its temporary files; removed at its end.
        log: where its output goes.

    Raises:
        TargetError: the bundle has no scoring script.
    """

    private_port: int
    identity: ProcessIdentity

    def __init__(
        self, bundle: BundleReference, settings: LocalSettings, folder: Path, log: ServiceLog
    ) -> None:
        self.bundle = bundle
        self.settings = settings
        self._folder = folder
        self._log = log
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._line_count = 0
        self._lines_lock = threading.Lock()
        self._start_failed = threading.Event()
        self._deadline = time.monotonic() + settings.readiness_seconds
        diagnose.require_bundle(bundle, settings)

    @property
    def pid(self) -> int:
        """The process that stands for it on this machine."""
        return self.identity.pid

    @property
    def private_uri(self) -> str:
        """Where this very server answers, whatever the public port leads to."""
        return f"http://{LOOPBACK}:{self.private_port}"

    @property
    @abstractmethod
    def temp_dir(self) -> Path | None:
        """Where it puts temporary files, when that can be looked into."""

    @property
    def engine(self) -> str | None:
        """The address of the container engine that runs it, when one does."""
        return None if self.settings.container is None else self.settings.container.engine

    @abstractmethod
    def exit_status(self) -> int | None:
        """None while it runs; otherwise its exit status, negative for a signal."""

    @abstractmethod
    def open_gate(self) -> None:
        """Let it accept from the public socket."""

    @abstractmethod
    def terminate(self) -> None:
        """Ask it to accept no more, finish what it has, and end; does not wait."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs."""

    @abstractmethod
    def kill(self) -> None:
        """End it and all that belongs to it at once. Harmless when repeated."""

    def stop(self, grace_seconds: float) -> None:
        """End it; requests that it has are finished if that takes no longer than the grace."""
        self.terminate()
        self.wait(grace_seconds)
        self.kill()

    def wait_ready(self, cancelled: threading.Event, on_line: Callable[[str], None]) -> None:
        """Wait until it answers `GET /` on its private socket.

        Args:
            cancelled: set by whoever wants it no more.
            on_line: given each line that it prints meanwhile.

        Raises:
            OperationCancelled: `cancelled` was set. The server is dead.
            TargetError: it did not come up; why. The server is dead.
        """
        try:
            self._poll_until_ready(cancelled, on_line)
        except BaseException:
            self.kill()
            raise

    def explain_crash(self) -> TargetError:
        """Why a server that had been ready is not there any more."""
        self.kill()
        return self._explain_crash(self._evidence())

    def _poll_until_ready(self, cancelled: threading.Event, on_line: Callable[[str], None]) -> None:
        seen = 0
        with contextlib.closing(_ReadinessProbe(self.private_port)) as probe:
            while True:
                ready = probe.answered(TICK_SECONDS)
                seen = self._forward(seen, on_line)
                if cancelled.is_set():
                    raise OperationCancelled
                if self.exit_status() is not None or self._start_failed.is_set():
                    self.kill()
                    self._forward(seen, on_line)
                    raise self._explain_exit(self._evidence())
                if ready:
                    return
                if time.monotonic() > self._deadline:
                    self.kill()
                    self._forward(seen, on_line)
                    raise self._explain_hang(self._evidence())

    def _explain_exit(self, evidence: diagnose.Evidence) -> TargetError:
        return diagnose.explain_exit(evidence)

    def _explain_hang(self, evidence: diagnose.Evidence) -> TargetError:
        return diagnose.explain_hang(evidence)

    def _explain_crash(self, evidence: diagnose.Evidence) -> TargetError:
        return diagnose.explain_crash(evidence)

    def _evidence(self) -> diagnose.Evidence:
        with self._lines_lock:
            lines = tuple(self._lines)
        return diagnose.Evidence(lines, self.exit_status(), self.bundle, self.settings)

    def _take_line(self, line: str) -> None:
        """A line that the server has printed; what is longer than a person reads is cut."""
        line = line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]} ..."
        with self._lines_lock:
            self._lines.append(line)
            self._line_count += 1
        self._log.write(line)
        if _START_FAILED.search(line):
            self._start_failed.set()

    def _forward(self, seen: int, on_line: Callable[[str], None]) -> int:
        with self._lines_lock:
            count = self._line_count
            new = list(self._lines)[-(count - seen) :] if count > seen else []
        for line in new:
            on_line(line)
        return count


class _ReadinessProbe:
    """Asks `GET /` once: it lies in the socket's queue until a worker accepts, so no time is lost."""

    def __init__(self, port: int) -> None:
        self._address = (LOOPBACK, port)
        self._socket: socket.socket | None = None
        self._answer = b""

    def answered(self, seconds: float) -> bool:
        """Whether the server has said 200, waiting up to `seconds`."""
        try:
            if self._socket is None:
                self._answer = b""
                self._socket = socket.create_connection(self._address, timeout=1.0)
                self._socket.sendall(_PROBE)
            if not select.select([self._socket], [], [], seconds)[0]:
                return False
            data = self._socket.recv(4096)
            self._answer += data
            if self._answer.startswith(b"HTTP/1.1 200"):
                return True
            if not data:
                raise ConnectionResetError
        except OSError:
            self.close()
            time.sleep(seconds)
        return False

    def close(self) -> None:
        """Let the connection go."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
