"""One server process: azmlinfsrv in the scoring environment, from its start to its end. Owned by a `Service`.

A server holds two sockets: the service's public one, from which it accepts only after `open_gate()`, and a
private one of its own on 127.0.0.1, over which it is asked whether it is ready, and can be judged before any
client meets it.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from toc_build.errors import TargetError
from toc_build.targets.local import diagnose
from toc_build.targets.local.identity import ProcessIdentity
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.ports import listen
from toc_build.targets.local.settings import LOOPBACK, BundleReference, LocalSettings
from toc_build.targets.local.surroundings import server_environment

LAUNCHER = Path(__file__).with_name("launcher.py")
KEPT_LINES = 3000
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


class ServerProcess:
    """A running server. It exists as soon as the object does, and ends with `stop()` or `kill()`.

    Args:
        bundle: what it serves.
        settings: how.
        public: the service's listening socket; it stays the caller's.
        folder: to be made, for its temporary files; removed at its end.
        log: where its output goes.

    Raises:
        TargetError: the interpreter cannot be run, or the bundle has no scoring script.
    """

    def __init__(
        self,
        bundle: BundleReference,
        settings: LocalSettings,
        public: socket.socket,
        folder: Path,
        log: ServiceLog,
    ) -> None:
        self.bundle = bundle
        self.settings = settings
        self.temp_dir = folder / "tmp"
        self._folder = folder
        self._log = log
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._line_count = 0
        self._lines_lock = threading.Lock()
        self._start_failed = threading.Event()
        self._ended = False
        self._deadline = time.monotonic() + settings.readiness_seconds
        diagnose.require_bundle(bundle, settings)
        self.temp_dir.mkdir(parents=True)
        (folder / "cwd").mkdir()
        try:
            self._start(public)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _start(self, public: socket.socket) -> None:
        with contextlib.ExitStack() as childs:  # the child's ends, closed here once it has them
            private = childs.enter_context(listen(0))
            self.private_port = int(private.getsockname()[1])
            lifeline, self._lifeline = os.pipe()
            childs.callback(os.close, lifeline)
            gate, self._gate = os.pipe()
            childs.callback(os.close, gate)
            environment = server_environment(os.environ, self.bundle, self.settings, self.temp_dir)
            environment["TOC_LISTEN_FDS"] = f"{public.fileno()},{private.fileno()}"
            environment["TOC_LIFELINE_FD"] = str(lifeline)
            environment["TOC_GATE_FD"] = str(gate)
            lead = min(STACK_LEAD_SECONDS, self.settings.readiness_seconds / 4)
            environment["TOC_STACK_AT"] = repr(time.time() + self.settings.readiness_seconds - lead)
            arguments = {
                "--entry_script": self.bundle.code / "score.py",
                "--model_dir": self.bundle.model,
                "--port": public.getsockname()[1],
            }
            command = [str(self.settings.python), str(LAUNCHER)]
            command += [str(word) for pair in arguments.items() for word in pair]
            try:
                self._popen = subprocess.Popen(
                    command,
                    cwd=self._folder / "cwd",
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(public.fileno(), private.fileno(), lifeline, gate),
                )
            except OSError as error:
                os.close(self._lifeline)
                os.close(self._gate)
                raise diagnose.interpreter_unusable(self.settings, error) from None
        self.identity = ProcessIdentity.of(self._popen.pid)
        self._pump = threading.Thread(target=self._read_output, name=f"log-{self._popen.pid}", daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        """The server's main process, which leads its group."""
        return self._popen.pid

    @property
    def private_uri(self) -> str:
        """Where this very server answers, whatever the public port leads to."""
        return f"http://{LOOPBACK}:{self.private_port}"

    def exit_status(self) -> int | None:
        """None while it runs; otherwise its exit status, negative for a signal."""
        return self._popen.poll()

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

    def _poll_until_ready(self, cancelled: threading.Event, on_line: Callable[[str], None]) -> None:
        seen = 0
        with contextlib.closing(_ReadinessProbe(self.private_port)) as probe:
            while True:
                ready = probe.answered(TICK_SECONDS)
                seen = self._forward(seen, on_line)
                if cancelled.is_set():
                    raise OperationCancelled
                if self._popen.poll() is not None or self._start_failed.is_set():
                    raise self._failed_start(seen, on_line)
                if ready:
                    return
                if time.monotonic() > self._deadline:
                    self.kill()
                    self._forward(seen, on_line)
                    raise diagnose.explain_hang(self._evidence())

    def _failed_start(self, seen: int, on_line: Callable[[str], None]) -> TargetError:
        self.kill()
        self._forward(seen, on_line)
        return diagnose.explain_exit(self._evidence())

    def explain_crash(self) -> TargetError:
        """Why a server that had been ready is not there any more."""
        self.kill()
        return diagnose.explain_crash(self._evidence())

    def open_gate(self) -> None:
        """Let it accept from the public socket."""
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1

    def terminate(self) -> None:
        """Ask it to accept no more, finish what it has, and end."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGTERM)

    def stop(self, grace_seconds: float) -> None:
        """End it; requests that it has are finished if that takes no longer than the grace."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace_seconds)
        self.kill()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it and every process of its group at once, and remove its folder. Harmless when repeated."""
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._pump.join(1.0)  # longer only if a process that left the group holds the pipe
        os.close(self._lifeline)
        self.open_gate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _evidence(self) -> diagnose.Evidence:
        with self._lines_lock:
            lines = tuple(self._lines)
        return diagnose.Evidence(lines, self._popen.returncode, self.bundle, self.settings)

    def _read_output(self) -> None:
        assert self._popen.stdout is not None  # noqa: S101 - it was asked for
        with self._popen.stdout as output:
            for raw in output:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
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
