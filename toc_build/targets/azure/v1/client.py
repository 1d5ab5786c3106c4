"""This side of the SDK: starts the worker, asks it, draws its events, ends it.

Used by the targets and by `clusters`. One client serves one command. The worker is in a process group of its
own, so that Ctrl-C reaches us and not the middle of an SDK call; we end it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.azure import redact
from toc_build.targets.azure.v1.meanings import Failed, meaning
from toc_build.targets.azure.workspace import WorkspaceName

_START = "import sys; sys.path.append(sys.argv[1]); from sdk_worker.main import main; main()"
_REQUESTS, _ANSWERS = "TOC_WORKER_REQUESTS_FD", "TOC_WORKER_ANSWERS_FD"  # as in sdk_worker/main.py
_LOG_LINES = 40
_CALL_SECONDS = 900.0
_LONGEST_SECONDS = 4 * 3600.0

Pause = tuple[float, ...]


@dataclass(frozen=True)
class Told:
    """What the worker said on its way to a result.

    Attributes:
        kind: `log`, `progress`, `note`, `operation`, `container` (a log, whole) or `tick`.
        text: the line, or the operation's phase.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class SignIn:
    """How the worker signed in.

    Attributes:
        used: the way, in words.
        skipped: the ways before it, each with the reason.
        location: the workspace's region.
    """

    used: str
    skipped: tuple[tuple[str, str], ...]
    location: str

    def __str__(self) -> str:
        left_out = "; ".join(f"{way}: {reason}" for way, reason in self.skipped)
        return f"signed in to Azure by {self.used}" + (f" ({left_out})" if left_out else "")


class Client:
    """One worker, started when it is first asked.

    Args:
        workspace: which workspace it opens.
        python: gives the interpreter with azureml-core, installing it where it is not.
        interactive: whether a person can answer; by default whether this is a terminal.
        environ: the worker's environment; this process's by default.
    """

    def __init__(
        self,
        workspace: WorkspaceName,
        python: Callable[[], Path],
        *,
        interactive: bool | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._workspace = workspace
        self._python = python
        self._interactive = sys.stdin.isatty() if interactive is None else interactive
        self._environ = environ
        self._worker: _Worker | None = None
        self.signed_in: SignIn | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def connect(self) -> Generator[Told, None, None]:
        """Start, sign in and open the workspace, unless that is done."""
        if self._worker is not None:
            return
        environ = os.environ if self._environ is None else self._environ
        self._worker = _Worker(self._python(), environ)
        result = yield from self._asked(
            "connect",
            {
                "subscription_id": self._workspace.subscription_id,
                "resource_group": self._workspace.resource_group,
                "workspace": self._workspace.name,
                "interactive": self._interactive,
            },
            seconds=_CALL_SECONDS,
        )
        self.signed_in = SignIn(
            result["used"], tuple((way, reason) for way, reason in result["skipped"]), result["location"]
        )

    def stream(
        self, call: str, *, seconds: float = _CALL_SECONDS, **arguments: Any
    ) -> Generator[Told, None, Any]:
        """Call the worker; its events come out, and the result is the generator's return value.

        Args:
            call: its name.
            seconds: after which the worker is ended.
            arguments: JSON values.

        Raises:
            TargetError: what went wrong, with our meaning and Azure's words.
        """
        yield from self.connect()
        result = yield from self._asked(call, arguments, seconds=seconds)
        return result

    def call(self, call: str, *, seconds: float = _CALL_SECONDS, **arguments: Any) -> Any:
        """Call the worker and give its result; its events go unseen."""
        steps = self.stream(call, seconds=seconds, **arguments)
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                return ended.value

    def _asked(self, call: str, arguments: dict[str, Any], *, seconds: float) -> Generator[Told, None, Any]:
        worker = self._worker
        if worker is None:
            raise RuntimeError("the worker is asked before it is started")
        whole = False
        try:
            for answer in worker.ask(call, arguments, seconds):
                if "result" in answer:
                    whole = True
                    return answer["result"]
                if "error" in answer:
                    whole = True
                    failed = Failed.of(answer["error"])
                    raise meaning(failed, self._workspace, call)
                yield Told(answer["event"], redact.secrets(answer["text"]))
        finally:
            if not whole:  # cut off in the middle of a call: this worker cannot be asked again
                self.close()
        raise AssertionError("unreachable: `ask` ends with a result or raises")


class _Worker:
    """The process."""

    def __init__(self, python: Path, environ: Mapping[str, str]) -> None:
        self._log = tempfile.TemporaryFile(prefix="toc-azure-log-")  # noqa: SIM115 - it lives as long as the worker
        self._scratch = tempfile.TemporaryDirectory(prefix="toc-azure-")
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        environment = {
            **environ,
            _REQUESTS: str(requests),
            _ANSWERS: str(answers),
            "TMPDIR": self._scratch.name,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # the other side's files are part of our package
        }
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "AZUREML_CURRENT_CLOUD"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            [str(python), "-c", _START, str(Path(__file__).parent)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd="/" if os.name != "nt" else None,
            env=environment,
            pass_fds=(requests, answers),
            start_new_session=True,
        )
        os.close(requests)
        os.close(answers)
        self._buffer = b""

    def ask(self, call: str, arguments: dict[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
        """Every answer to a request, the last being its result or error."""
        seconds = min(seconds, _LONGEST_SECONDS)
        deadline = time.monotonic() + seconds
        request = json.dumps({"call": call, "arguments": arguments}) + "\n"
        try:
            _write_all(self._requests, request.encode())
        except BrokenPipeError:
            raise self._died(call) from None
        while True:
            line = self._line(deadline, call, seconds)
            answer: dict[str, Any] = json.loads(line)
            yield answer
            if "event" not in answer:
                return

    def end(self) -> None:
        """Kill the process group and remove what it left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for descriptor in (self._requests, self._answers):
            os.close(descriptor)
        self._log.close()
        self._scratch.cleanup()

    def _line(self, deadline: float, call: str, seconds: float) -> bytes:
        while b"\n" not in self._buffer:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([self._answers], [], [], remaining)[0]:
                raise TargetError(
                    f"Azure's SDK did not come to an end within {seconds:g} s ({call})",
                    code="TOC-AZURE-010",
                    fix="run the command again: it goes on from there",
                    details=self._last_lines(),
                )
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                raise self._died(call)
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _died(self, call: str) -> TargetError:
        self._process.wait()
        status = self._process.returncode
        return TargetError(
            f"the process that runs Azure's SDK ended unexpectedly ({call}, status {status})",
            code="TOC-AZURE-011",
            fix="its last lines are shown; run the command again",
            details=self._last_lines(),
        )

    def _last_lines(self) -> str:
        self._log.seek(0)
        text = self._log.read().decode("utf-8", "replace")
        return redact.secrets("\n".join(text.splitlines()[-_LOG_LINES:])) or "(it printed nothing)"


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
