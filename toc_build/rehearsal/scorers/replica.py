"""One replica as a process: azmlinfsrv in the scoring environment, on loopback, with a clean shell.

`Group` owns it. The local target's launcher is run, so that nothing listens beyond 127.0.0.1 and the replica
ends with this server however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from toc_build.rehearsal.scorers.failures import StartFailed
from toc_build.rehearsal.scorers.program import Program
from toc_build.rehearsal.scorers.running import TICK_SECONDS, RunningReplica
from toc_build.targets.local import launcher
from toc_build.targets.local.ports import listen

WORKER_FAILED_SECONDS = 1.0  # how long the rest of the output may take
_KEPT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZ")
CONFIG = Path(__file__).with_name("gunicorn_config.py")


class Replica(RunningReplica):
    """A replica that is a process.

    Raises:
        StartFailed: the interpreter cannot be run.
    """

    def __init__(self, program: Program, folder: Path, write: Callable[[str], None]) -> None:
        super().__init__(program, folder, write)
        (folder / "tmp").mkdir(parents=True)
        with contextlib.ExitStack() as ours:
            listener = ours.enter_context(listen(0))
            self.port = int(listener.getsockname()[1])
            lifeline, self._lifeline = os.pipe()
            ours.callback(os.close, lifeline)
            gate, gate_end = os.pipe()
            ours.callback(os.close, gate)
            os.close(gate_end)  # open from the first moment: nothing else listens on this port
            environment = self._environment()
            environment["TOC_LISTEN_FDS"] = str(listener.fileno())
            environment["TOC_LIFELINE_FD"] = str(lifeline)
            environment["TOC_GATE_FD"] = str(gate)
            environment["TOC_STACK_AT"] = repr(time.time() + program.startup_seconds - 1)
            command = [str(program.python), launcher.__file__, "--port", str(self.port)]
            command += ["--entry_script", str(program.root / program.entry_script)]
            try:
                self._process = subprocess.Popen(
                    command,
                    cwd=program.root,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(listener.fileno(), lifeline, gate),
                )
            except OSError as error:
                os.close(self._lifeline)
                raise StartFailed(f"the environment's Python cannot be run: {error}") from None
        self._pump = threading.Thread(target=self._read, name=f"replica-{self._process.pid}", daemon=True)
        self._pump.start()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def _exit_status(self) -> int:
        self._pump.join(2)
        return int(self._process.wait())

    def _let_it_finish(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(WORKER_FAILED_SECONDS)

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        while self.alive and time.monotonic() < self._killed_at:
            time.sleep(TICK_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._lifeline)
        self._pump.join(2)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        program = self._program
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "PATH": f"{program.python.parent}{os.pathsep}{kept.get('PATH', os.defpath)}",
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder / "tmp"),
            "AML_APP_ROOT": str(program.root),
            "AZUREML_MODEL_DIR": program.model_dir,
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8:backslashreplace",
            "WORKER_COUNT": "1",
            "WORKER_TIMEOUT": "300",
            **program.variables,
            "GUNICORN_CMD_ARGS": shlex.join(["--config", str(CONFIG)])
            + f" {program.variables.get('GUNICORN_CMD_ARGS', '')}".rstrip(),
        }

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        with self._process.stdout as output:
            for raw in output:
                self._take(raw)
