"""The process that owns a local service: its sockets, its servers, its record.

`deploy` starts it detached (`python -m toc_build.targets.local.supervisor <state folder>`); `serve` runs it
inside its own process. Commands talk to it through `control.py`. It ends when it is told to, or when nothing
serves any more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.local.control import Consult, ControlServer, Emit, control_path
from toc_build.targets.local.identity import ProcessIdentity
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.restarts import RestartPolicy
from toc_build.targets.local.server import Server
from toc_build.targets.local.service import Service, Snapshot
from toc_build.targets.local.settings import BundleReference, LocalSettings
from toc_build.targets.local.state import Record, StateFolder, remove_control
from toc_build.targets.protocol import Event, EventKind, State

DELETE_GRACE_SECONDS = 10.0
LOCK_SECONDS = 5.0  # for a supervisor that is ending


class Supervisor:
    """Owns one service from `start()` to `close()`.

    Args:
        folder: the service's state folder.
        end_when_idle: set `stopped` when nothing serves any more.
        policy: how often a crashed server is started again.

    Attributes:
        stopped: set when it is to be closed.
    """

    def __init__(
        self, folder: StateFolder, *, end_when_idle: bool, policy: RestartPolicy | None = None
    ) -> None:
        self._folder = folder
        self._end_when_idle = end_when_idle
        self._policy = policy
        self._identity = ProcessIdentity.of(os.getpid())
        self._record_lock = threading.Lock()
        self._failed = False
        self._repository: str | None = None
        self._stack = contextlib.ExitStack()
        self.stopped = threading.Event()

    def start(self) -> None:
        """Take the state folder and the control socket.

        Raises:
            TargetError: another supervisor has the folder.
        """
        import filelock

        self._folder.make()
        lock = filelock.FileLock(self._folder.root / "supervisor.lock", thread_local=False)
        try:
            lock.acquire(timeout=0 if self._folder.live() else LOCK_SECONDS, poll_interval=0.05)
        except filelock.Timeout:
            raise TargetError(
                "this model repository is being served already",
                code="TOC-LOCAL-028",
                where=str(self._folder.root),
                fix="end that service with Ctrl-C where it runs, or with `toc-build delete`",
            ) from None
        self._stack.callback(lock.release)
        self._folder.end_orphans()
        self._folder.tidy()
        self._folder.make()
        self._log = ServiceLog(self._folder.log_path)
        self._stack.callback(self._log.close)
        self._control_path = control_path(self._folder.root)
        self._stack.callback(remove_control, self._control_path, self._folder.root)
        self._folder.write(self._nothing_yet())
        self.service = Service(self._folder, self._log, self._publish, self._end_if_idle, self._policy)
        self._control = ControlServer(self._answer, self._end_if_idle)
        self._control.listen(self._control_path)
        self._stack.callback(self._control.close)

    def adopt(self, connection: socket.socket) -> None:
        """Take a request from a connection that is there already."""
        self._control.adopt(connection)

    def close(self, *, detail: str | None = None, grace_seconds: float = DELETE_GRACE_SECONDS) -> None:
        """End the service and leave a true record.

        Args:
            grace_seconds: how long requests under way may take.
            detail: why it ended, when nobody asked for that: the record then says STOPPED. Otherwise it is
                gone, except where a detached service had failed.
        """
        self.service.close(grace_seconds)
        last = self._folder.read()
        if last is not None and self._failed and self._end_when_idle:
            self._folder.tidy()
        elif detail is not None:
            self._folder.tidy()
            digest = last.digest if last is not None else None
            self._folder.write(Record(State.STOPPED, self._identity, digest=digest, detail=detail))
        else:
            self._folder.forget()
        self._stack.close()

    def _answer(
        self, request: dict[str, Any], emit: Emit, cancelled: threading.Event, consult: Consult
    ) -> None:
        if request.get("command") == "switch":
            self._switch(request, emit, cancelled, consult)
        elif request.get("command") == "stop":
            emit(Event(EventKind.STEP_STARTED, "stop", "ending the server"))
            self._failed = False
            self.service.close(DELETE_GRACE_SECONDS)
            self._folder.forget()
            self.stopped.set()
        else:
            raise TargetError(
                f"the supervisor does not know the request {request.get('command')!r}",
                code="TOC-LOCAL-023",
                fix="it is of another version: end it with `toc-build delete` and deploy again",
            )

    def _switch(
        self, request: dict[str, Any], emit: Emit, cancelled: threading.Event, consult: Consult
    ) -> None:
        bundle = BundleReference(Path(request["bundle"]["root"]), str(request["bundle"]["digest"]))
        settings = LocalSettings.from_json(request["settings"])
        if settings.repository is not None:
            self._repository = str(settings.repository)

        def judge(new: Server) -> None:
            emit(Event(EventKind.STEP_STARTED, "samples", "asking the new version for the samples"))
            begun = time.monotonic()
            consult(
                {
                    "private_uri": new.private_uri,
                    "incumbent_uri": self.service.answering_uri,
                    "server": new.identity.to_json(),
                }
            )
            emit(Event(EventKind.STEP_FINISHED, "samples", seconds=time.monotonic() - begun))

        self.service.switch(
            bundle,
            settings,
            emit,
            cancelled,
            judge=judge if request.get("judged") else None,
            deployment=request.get("deployment"),
            again=bool(request.get("again")),
        )

    def _end_if_idle(self) -> None:
        if self._end_when_idle and self.service.idle():
            self.stopped.set()

    def _publish(self, snapshot: Snapshot) -> None:
        self._failed = snapshot.state is State.FAILED
        with self._record_lock:
            try:
                self._write(snapshot)
            except OSError as error:  # a full disk loses the record, never the service
                self._log.note(f"the state cannot be written: {error}")

    def _write(self, snapshot: Snapshot) -> None:
        if snapshot.state is State.ABSENT and self._end_when_idle:
            self._folder.forget()
            return
        if snapshot.state is State.ABSENT:  # this process goes on, and is asked again
            self._folder.write(self._nothing_yet())
            return
        first = snapshot.servers[0] if snapshot.servers else None
        engines = [server.engine for server in snapshot.servers if server.engine is not None]
        self._folder.write(
            Record(
                snapshot.state,
                self._identity,
                tuple(server.identity for server in snapshot.servers),
                snapshot.port,
                first.private_port if first is not None else None,
                snapshot.digest,
                str(first.bundle.root) if first is not None else None,
                self._started(first.identity if first is not None else None),
                snapshot.detail,
                None if self._failed and self._end_when_idle else str(self._control_path),
                self._repository,
                str(first.temp_dir) if first is not None and first.temp_dir is not None else None,
                snapshot.version,
                engines[0] if engines else None,
                foreground=not self._end_when_idle,
            )
        )

    def _nothing_yet(self) -> Record:
        control, foreground = str(self._control_path), not self._end_when_idle
        return Record(State.STARTING, self._identity, control=control, foreground=foreground)

    @staticmethod
    def _started(server: ProcessIdentity | None) -> str | None:
        if server is None:
            return None
        return datetime.fromtimestamp(server.started, timezone.utc).isoformat(timespec="milliseconds")


def main(arguments: list[str]) -> None:
    """Run detached.

    The first request comes on standard input, a socket: its end before the service is ready ends everything.
    """
    folder = StateFolder(Path(arguments[0]))
    first = socket.socket(fileno=os.dup(0))
    first.set_inheritable(False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    supervisor = Supervisor(folder, end_when_idle=True)
    reason: list[str] = []

    def on_signal(number: int, _frame: object) -> None:
        reason.append(f"its supervisor was ended by {signal.Signals(number).name}")
        supervisor.stopped.set()

    try:
        supervisor.start()
    except TargetError as error:
        ControlServer(_refuse(error), lambda: None).adopt(first)
        _wait_for_conversations()
        return
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervisor.adopt(first)
    supervisor.stopped.wait()
    supervisor.close(detail=reason[0] if reason else None)
    _wait_for_conversations()


def _refuse(error: TargetError) -> Any:
    def handler(
        _request: dict[str, Any], _emit: Emit, _cancelled: threading.Event, _consult: Consult
    ) -> None:
        raise error

    return handler


def _wait_for_conversations() -> None:
    for thread in threading.enumerate():
        if thread.name == "conversation":
            thread.join(2.0)


if __name__ == "__main__":
    main(sys.argv[1:])
