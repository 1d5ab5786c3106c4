"""The local target: azmlinfsrv as a child process on 127.0.0.1, behind the target protocol.

Made by `deployment` and the command line. What it does is done by a supervisor (see `supervisor.py`); this
module finds or starts one, asks it, and says what is true.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.local import diagnose
from toc_build.targets.local.control import ControlClient
from toc_build.targets.local.identity import ProcessIdentity, wait_until_gone
from toc_build.targets.local.images import ImageShelf
from toc_build.targets.local.logs import follow_lines, read_lines
from toc_build.targets.local.ports import SUPERVISOR, held_by
from toc_build.targets.local.restarts import RestartPolicy
from toc_build.targets.local.settings import LOOPBACK, BundleReference, LocalSettings
from toc_build.targets.local.state import Record, StateFolder
from toc_build.targets.local.supervisor import DELETE_GRACE_SECONDS, Supervisor
from toc_build.targets.plan import Cost, Effect, Needs, Plan, make_plan
from toc_build.targets.protocol import (
    Candidate,
    DeployableBundle,
    Event,
    EventKind,
    Judge,
    State,
    Status,
    TargetDescription,
    Version,
)

ANSWER_SECONDS = 1.0
LAST_MOMENTS_SECONDS = 5.0


class LocalTarget:
    """A bundle served on this machine.

    Args:
        state_dir: the service's state folder; one per model repository, all of them in one parent folder.
        settings: how to serve.
        images: where containers get their images from; needed when `settings.container` is set.
    """

    def __init__(self, state_dir: Path, settings: LocalSettings, images: ImageShelf | None = None) -> None:
        self._folder = StateFolder(state_dir)
        self._settings = settings
        self._images = images

    @property
    def name(self) -> str:
        """`local`."""
        return "local"

    def describe(self) -> TargetDescription:
        """What this target is set to do; touches nothing."""
        settings = self._settings
        return TargetDescription(
            self.name,
            settings.engine,
            f"{LOOPBACK}:{settings.port}",
            settings.described(),
        )

    def live(self) -> Version | None:
        """The version that answers, or is being started again after a crash."""
        record = self._folder.live()
        return Version(**record.version) if record is not None and record.version is not None else None

    def plan(self, bundle: DeployableBundle) -> Plan:
        """What `apply` would change; reads the state folder only."""
        return make_plan(
            self.describe(),
            self.live(),
            bundle.digest,
            effect=_effect,
            needs=Needs(
                cores=self._settings.workers,
                memory_gb=self._settings.container.memory_gb if self._settings.container else None,
            ),
            cost=Cost.NOTHING,
        )

    def apply(
        self,
        bundle: DeployableBundle,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Serve the bundle, started beside the old one; nothing happens when exactly this serves already.

        Raises:
            Rejected: by `judge`; what served before serves on.
            TargetError: the cause, with its own code; what served before serves on.
        """
        yield from self._switch(_reference(bundle), "deployment", judge=judge, record=record)

    def rollback(
        self,
        to: Version,
        bundle: DeployableBundle | None = None,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Serve an earlier version with its settings; this target's interpreter must be that bundle's.

        Raises:
            Rejected: by `judge`; what served before serves on.
            TargetError: no bundle was given, or the cause; what served before serves on.
        """
        if bundle is None:
            raise TargetError(
                f"the bundle {to.digest.removeprefix('sha256:')[:12]} is not kept on this machine any more",
                code="TOC-TARGET-005",
                fix="check out its git revision (`toc-build history` names it) and deploy that",
            )
        settings = self._settings.with_described(to.settings)
        yield from LocalTarget(self._folder.root, settings, self._images)._switch(  # noqa: SLF001
            _reference(bundle), "rollback", judge=judge, record=record
        )

    def reload(self, bundle: DeployableBundle | None = None) -> Iterator[Event]:
        """Start the service's bundle afresh, or another one, without a refused request.

        Args:
            bundle: None for the one that serves.

        Raises:
            TargetError: nothing is deployed, or the new server did not come up; what served before serves on.
        """
        record = self._folder.live()
        if record is None:
            raise self._nothing_deployed()
        if bundle is not None:
            reference = _reference(bundle)
        elif record.bundle_root is not None and record.digest is not None:
            reference = BundleReference(Path(record.bundle_root), record.digest)
        else:
            raise self._nothing_deployed()
        live = self.live()
        yield from self._switch(reference, "reload", again=True, record=live.record if live else None)

    def status(self) -> Status:
        """What is true now. A ready service is asked for a sign of life."""
        status = self._folder.status()
        if status.state is State.ABSENT and self._settings.port:
            held = held_by(self._settings.port, self._folder.root.parent)
            return dataclasses.replace(status, detail=held)
        record = self._folder.read()
        if status.state is State.READY and record is not None and not _answers(record.private_port):
            silent = f"no answer to GET / within {ANSWER_SECONDS:g} s: busy or hanging"
            detail = silent if status.detail is None else f"{silent}; {status.detail}"
            return Status(status.state, status.digest, status.scoring_uri, status.pid, status.started, detail)
        return status

    @property
    def temp_dir(self) -> Path | None:
        """Where the answering server puts its temporary files; None when none answers."""
        record = self._folder.live()
        return Path(record.temp_dir) if record is not None and record.temp_dir else None

    def logs(self, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """The output of the service's servers and the supervisor's own lines.

        Args:
            tail: how many of the last lines; None for all that are kept.
            follow: go on until the service ends.

        Raises:
            TargetError: nothing was ever deployed, or it was deleted.
        """
        path = self._folder.log_path
        if not path.exists():
            raise self._nothing_deployed()
        if follow:
            yield from follow_lines(path, tail, lambda: self._folder.live() is not None)
        else:
            yield from read_lines(path, tail)

    def delete(self) -> Iterator[Event]:
        """End the service and remove its state and log; does nothing when there is none.

        Raises:
            TargetError: a change of it is under way, or it could not be ended.
        """
        if not self._folder.root.exists():
            return
        with self._folder.operation("delete"):
            begun = time.monotonic()
            known = self._folder.read() is not None
            if known:
                yield Event(EventKind.STEP_STARTED, "stop", "ending the service")
            record = self._folder.live()
            if record is not None:
                self._end(record)
            self._folder.end_orphans()
            if self._images is not None:
                self._images.clear()
            self._folder.forget()
            self._folder.remove_logs()
            if known:
                yield Event(EventKind.STEP_FINISHED, "stop", seconds=time.monotonic() - begun)

    @contextlib.contextmanager
    def foreground(
        self,
        policy: RestartPolicy | None = None,
        *,
        grace_seconds: float = DELETE_GRACE_SECONDS,
        give_up: threading.Event | None = None,
    ) -> Iterator[threading.Event]:
        """Supervise inside this process: what `apply` and `reload` start within the block ends with it.

        Args:
            policy: how often a crashed server is started again.
            grace_seconds: how long requests under way may take at the end; 0 waits for none.
            give_up: may be set from another thread: what serves or is being started ends at once.

        Yields:
            An event that is set when another process has deleted the service.

        Raises:
            TargetError: the service runs already, elsewhere.
        """
        diagnose.require_platform()
        supervisor = Supervisor(self._folder, end_when_idle=False, policy=policy)
        supervisor.start()
        if give_up is not None:
            threading.Thread(target=_close_when, args=(give_up, supervisor), daemon=True).start()
        try:
            yield supervisor.stopped
        finally:
            supervisor.close(grace_seconds=grace_seconds)

    def _switch(
        self,
        bundle: BundleReference,
        what: str,
        *,
        again: bool = False,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        diagnose.require_platform()
        diagnose.require_bundle(bundle, self._settings)
        self._folder.make()
        with self._folder.operation(what):
            settings = yield from self._with_image(bundle)
            request = {
                "command": "switch",
                "bundle": {"root": str(bundle.root), "digest": bundle.digest},
                "settings": settings.to_json(),
                "again": again,
                "judged": judge is not None,
                "deployment": dict(record or {}),
            }

            def consulted(question: dict[str, Any]) -> None:
                if judge is not None:
                    judge(
                        Candidate(
                            bundle.digest,
                            f"{question['private_uri']}/score",
                            incumbent_uri=question["incumbent_uri"],
                            memory=ProcessIdentity.from_json(question["server"]).resident_bytes,
                        )
                    )

            running = self._folder.live()
            if running is not None and running.control is None:  # it has failed, and is ending
                wait_until_gone([running.supervisor], LAST_MOMENTS_SECONDS)
            elif running is not None and running.control is not None:
                if running.foreground and running.supervisor.pid != os.getpid() and what != "reload":
                    raise _served(running, self._settings)
                client = ControlClient.connect(Path(running.control), self._folder.log_path)
                with contextlib.closing(client):
                    yield from client.ask(request, consulted)
                self._tidy_images(bundle, settings)
                return
            ours, theirs = socket.socketpair()
            client = ControlClient(ours, self._folder.log_path)
            with contextlib.closing(client):
                self._start_supervisor(theirs)
                yield from client.ask(request, consulted)
            self._tidy_images(bundle, settings)

    def _with_image(self, bundle: BundleReference) -> Generator[Event, None, LocalSettings]:
        """The settings with the image that the engine has; for a process they are what they were."""
        if self._settings.container is None or self._images is None:
            return self._settings
        container = yield from self._images.put(bundle, self._settings.container)
        return dataclasses.replace(self._settings, container=container)

    def _tidy_images(self, bundle: BundleReference, settings: LocalSettings) -> None:
        if settings.container is not None and self._images is not None:
            self._images.serves(bundle, settings.container)

    def _start_supervisor(self, connection: socket.socket) -> None:
        """Start a detached supervisor; its standard input is the connection, whose end ends our interest."""
        with connection, self._folder.log_path.open("ab") as log:
            supervisor = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    SUPERVISOR,
                    str(self._folder.root.absolute()),
                ],
                cwd=self._folder.root,  # not the user's, whose modules would be imported in place of others
                stdin=connection.fileno(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # It outlives this process, or is waited for, so that it does not stay as a zombie.
        threading.Thread(target=supervisor.wait, name="reaper", daemon=True).start()

    def _end(self, record: Record) -> None:
        """End a living supervisor: ask it, then make it."""
        if record.control is not None:
            with contextlib.suppress(TargetError):
                client = ControlClient.connect(Path(record.control), self._folder.log_path)
                with contextlib.closing(client):
                    for _ in client.ask({"command": "stop"}):
                        pass
        if record.supervisor.pid == os.getpid():
            return  # `foreground()` in this process: its block ends it
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                record.supervisor.send(number)
            if wait_until_gone([record.supervisor], 2.0 if number is None else DELETE_GRACE_SECONDS + 2.0):
                return
        raise TargetError(
            f"the service's supervisor (process {record.supervisor.pid}) could not be ended",
            code="TOC-LOCAL-027",
            fix=f"end it yourself: `kill -9 {record.supervisor.pid}`",
        )

    def _nothing_deployed(self) -> TargetError:
        return TargetError(
            "nothing is deployed to the local target",
            code="TOC-LOCAL-024",
            where=str(self._settings.repository) if self._settings.repository is not None else None,
            fix="deploy with `nox -s deploy_local` or `toc-build deploy`",
        )


def _served(running: Record, settings: LocalSettings) -> TargetError:
    return TargetError(
        f"`toc-build serve` (process {running.supervisor.pid}) serves this repository, and whatever is put in"
        " its place ends with it",
        code="TOC-LOCAL-036",
        where=str(settings.repository) if settings.repository is not None else None,
        fix="end it with Ctrl-C where it runs, then run this again; or work on there",
    )


def _effect(name: str) -> Effect | tuple[Effect, str]:
    if name == "port":
        return Effect.INTERRUPTS, "callers of the old port are refused"
    return Effect.REPLACES


def _close_when(give_up: threading.Event, supervisor: Supervisor) -> None:
    give_up.wait()
    supervisor.service.close(0)


def _reference(bundle: DeployableBundle) -> BundleReference:
    return BundleReference(bundle.root.resolve(), bundle.digest)


def _answers(port: int | None) -> bool:
    import http.client

    if port is None:
        return False
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
