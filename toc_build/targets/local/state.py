"""The state folder of one local service: its record, its locks, its log.

Written by the supervisor, read by every command.

The record says what the supervisor last knew. Whether that still holds is judged by whether the supervisor
lives: one that was killed could not write it down.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.local.identity import ProcessIdentity, wait_until_gone
from toc_build.targets.local.settings import LOOPBACK
from toc_build.targets.protocol import State, Status

# A dead supervisor's server notices within half a second and has three to finish its requests.
ORPHAN_SECONDS = 5.0


@dataclass(frozen=True)
class Record:
    """What the supervisor last wrote down.

    Attributes:
        state: of the service.
        supervisor: the process that owns it.
        servers: the main processes of all servers that run: the one that answers first.
        port: of the public socket.
        private_port: of the answering server's own socket.
        digest: of the bundle that answers or is being started.
        bundle_root: its folder.
        started: when it was started, ISO 8601 in UTC.
        detail: words for a person.
        control: path of the control socket; None for a supervisor that takes no more requests.
        repository: the model repository's root.
        temp_dir: the answering server's folder for temporary files.
        version: digest, settings and deployment record of the version that answers, as JSON values.
        engine: address of the container engine that runs the servers; None for processes.
        foreground: whether the service ends with the command that serves it.
    """

    state: State
    supervisor: ProcessIdentity
    servers: tuple[ProcessIdentity, ...] = ()
    port: int | None = None
    private_port: int | None = None
    digest: str | None = None
    bundle_root: str | None = None
    started: str | None = None
    detail: str | None = None
    control: str | None = None
    repository: str | None = None
    temp_dir: str | None = None
    version: dict[str, Any] | None = None
    engine: str | None = None
    foreground: bool = False

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return dataclasses.asdict(self) | {"state": self.state.value}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Record:
        """The record back from JSON values; keys of later versions are passed over."""
        known = {field.name for field in dataclasses.fields(cls)}
        kept = {name: value for name, value in values.items() if name in known}
        kept["state"] = State(kept["state"])
        kept["supervisor"] = ProcessIdentity.from_json(kept["supervisor"])
        kept["servers"] = tuple(ProcessIdentity.from_json(server) for server in kept.get("servers", ()))
        return cls(**kept)


class StateFolder:
    """The folder; it is made on the first write, for this user only.

    Args:
        root: its path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log_path = root / "service.log"
        self.servers = root / "servers"
        self._record = root / "state.json"

    def make(self) -> None:
        """Make the folder.

        Raises:
            TargetError: it cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            self.servers.mkdir(exist_ok=True)
            self.log_path.touch()
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> TargetError:
        return TargetError(
            f"the state of local services cannot be written: {error.strerror or error}",
            code="TOC-LOCAL-025",
            where=str(self.root),
            fix="make the folder writable and room on its disk, or set TOC_BUILD_CACHE_DIR to another one",
        )

    def read(self) -> Record | None:
        """The record, or None when there is none or it cannot be understood."""
        try:
            return Record.from_json(json.loads(self._record.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, record: Record) -> None:
        """Replace the record, wholly or not at all."""
        temporary = self._record.with_name(f"state.json.{os.getpid()}")
        temporary.write_text(json.dumps(record.to_json(), indent=1), "utf-8")
        temporary.replace(self._record)

    def forget(self) -> None:
        """Remove the record and what belongs to running processes; the log and the locks stay."""
        self.tidy()
        self._record.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what belongs to running processes; the record, the log and the locks stay."""
        record = self.read()
        if record is not None and record.control is not None:
            remove_control(Path(record.control), self.root)
        for leftover in self.root.glob("state.json.*"):
            leftover.unlink(missing_ok=True)
        shutil.rmtree(self.servers, ignore_errors=True)

    def remove_logs(self) -> None:
        """Remove the log."""
        for file in self.root.glob("service.log*"):
            file.unlink(missing_ok=True)

    def live(self) -> Record | None:
        """The record of a supervisor that runs, or None."""
        record = self.read()
        return record if record is not None and record.supervisor.alive() else None

    def end_orphans(self) -> None:
        """See off the servers of a dead supervisor; they end by themselves, or are ended here."""
        record = self.read()
        if record is None or record.supervisor.alive():
            return
        if not wait_until_gone(record.servers, ORPHAN_SECONDS):
            for server in record.servers:
                server.send(signal.SIGKILL, group=True)
            wait_until_gone(record.servers, 1.0)
        if record.engine is not None:
            from toc_build.targets.local.container_run import remove_orphans

            remove_orphans(self.root, record.engine)

    def status(self) -> Status:
        """What is true now."""
        record = self.read()
        if record is None:
            return Status(State.ABSENT)
        started = None if record.started is None else datetime.fromisoformat(record.started)
        if record.supervisor.alive():
            if record.state is State.READY and not (record.servers and record.servers[0].alive()):
                # The supervisor is about to notice.
                record = dataclasses.replace(
                    record, state=State.STARTING, servers=(), detail="its server has just ended"
                )
            serving = record.state in (State.READY, State.STARTING) and record.port is not None
            return Status(
                record.state,
                record.digest,
                f"http://{LOOPBACK}:{record.port}/score" if serving else None,
                record.servers[0].pid if record.servers else None,
                started,
                record.detail,
            )
        if record.state in (State.FAILED, State.STOPPED):
            return Status(record.state, record.digest, started=started, detail=record.detail)
        detail = f"its supervisor (process {record.supervisor.pid}) was killed, and the server with it"
        if any(server.alive() for server in record.servers):
            detail = f"its supervisor (process {record.supervisor.pid}) was killed; the server is ending"
        return Status(State.STOPPED, record.digest, started=started, detail=detail)

    @contextlib.contextmanager
    def operation(self, what: str) -> Iterator[None]:
        """Hold the service for one change; ends with the process, however that ends.

        Args:
            what: the change, as a noun: shown to whoever comes second.

        Raises:
            TargetError: somebody else is changing it.
        """
        import filelock

        lock = filelock.FileLock(self.root / "operation.lock", timeout=0, thread_local=False)
        holder = self.root / "operation.json"
        try:
            lock.acquire()
        except filelock.Timeout:
            raise operation_under_way(holder) from None
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            since = datetime.now(timezone.utc).isoformat(timespec="seconds")
            with contextlib.suppress(OSError):  # the lock holds without it
                holder.write_text(json.dumps({"what": what, "pid": os.getpid(), "since": since}), "utf-8")
            yield
        finally:
            with contextlib.suppress(OSError):
                holder.unlink(missing_ok=True)
            lock.release()


def operation_under_way(holder: Path) -> TargetError:
    """The error for the second of two changes at once."""
    who = "another process"
    with contextlib.suppress(OSError, ValueError, KeyError):
        values = json.loads(holder.read_text("utf-8"))
        who = f"process {values['pid']} ({values['what']} since {values['since']})"
    return TargetError(
        f"this service is being changed by {who}",
        code="TOC-LOCAL-022",
        fix="wait until that has ended, or end it with Ctrl-C, and try again",
    )


def remove_control(control: Path, root: Path) -> None:
    """Remove a control socket, and the folder that was made for it alone."""
    control.unlink(missing_ok=True)
    if control.parent != root:
        with contextlib.suppress(OSError):
            control.parent.rmdir()
