"""One server as a process of this machine: azmlinfsrv in the scoring environment, from its start to its end.

It accepts from the sockets itself: the launcher hands them on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from toc_build.targets.local import diagnose
from toc_build.targets.local.identity import ProcessIdentity
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.ports import listen
from toc_build.targets.local.server import LINE_BYTES, STACK_LEAD_SECONDS, Server
from toc_build.targets.local.settings import BundleReference, LocalSettings
from toc_build.targets.local.surroundings import server_environment

LAUNCHER = Path(__file__).with_name("launcher.py")


class ServerProcess(Server):
    """A server that is a process group of this machine.

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
        super().__init__(bundle, settings, folder, log)
        self._ended = False
        self.temp_dir.mkdir(parents=True)
        (folder / "cwd").mkdir()
        try:
            self._start(public)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @property
    def temp_dir(self) -> Path:
        """The server's own folder for temporary files."""
        return self._folder / "tmp"

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

    def exit_status(self) -> int | None:
        """None while it runs; otherwise its exit status, negative for a signal."""
        return self._popen.poll()

    def open_gate(self) -> None:
        """Let it accept from the public socket."""
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1

    def terminate(self) -> None:
        """Ask it to accept no more, finish what it has, and end."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGTERM)

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

    def _read_output(self) -> None:
        assert self._popen.stdout is not None  # noqa: S101 - it was asked for
        with self._popen.stdout as output:
            for raw in iter(lambda: output.readline(LINE_BYTES), b""):
                self._take_line(raw.decode("utf-8", "replace").rstrip("\r\n"))
