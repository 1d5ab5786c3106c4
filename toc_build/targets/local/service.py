"""One endpoint: its port, the server behind it, the change to another one. Owned by a `Supervisor`.

A change starts the new server beside the old one. It answers on its private port until it is ready (and, if
the caller judges it, until it is judged right), then accepts from the same public socket, and only then is
the old one asked to stop. The socket itself is never closed meanwhile, so no connection is refused;
connections nobody has accepted yet wait in its queue.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.ports import listen
from toc_build.targets.local.restarts import RestartPolicy
from toc_build.targets.local.server import OperationCancelled, Server
from toc_build.targets.local.servers import start_server
from toc_build.targets.local.settings import LOOPBACK, BundleReference, LocalSettings
from toc_build.targets.local.state import StateFolder, operation_under_way
from toc_build.targets.protocol import Event, EventKind, State

WATCH_SECONDS = 0.05
GIVE_WAY_SECONDS = 30.0  # for what a killed command was having done: a container's start is not cut short
HANDOVER_SECONDS = (
    1.0  # a replaced server without requests ends within it; one with requests ends in the background
)
Emit = Callable[[Event], None]


@dataclass(frozen=True)
class Snapshot:
    """What is true of a service now.

    Attributes:
        state: how it is doing.
        servers: those that run, the one that answers first.
        digest: of the bundle that answers or is being started.
        port: of the public socket.
        detail: words for a person.
        version: the digest, the described settings and the deployment's record of the version that answers,
            or is being started again after a crash, as JSON values; None while there is none.
    """

    state: State
    servers: tuple[Server, ...] = ()
    digest: str | None = None
    port: int | None = None
    detail: str | None = None
    version: dict[str, Any] | None = None


class Service:
    """The endpoint. Every method may be called from any thread.

    Args:
        folder: the service's state folder; the servers' temporary files go below it.
        log: where the servers' output goes.
        publish: given every new state of affairs.
        on_given_up: called when a server has crashed too often.
        policy: how often a crashed server is started again.
    """

    def __init__(
        self,
        folder: StateFolder,
        log: ServiceLog,
        publish: Callable[[Snapshot], None],
        on_given_up: Callable[[], None],
        policy: RestartPolicy | None = None,
    ) -> None:
        self._folder = folder
        self._log = log
        self._publish_to = publish
        self._on_given_up = on_given_up
        self._policy = policy or RestartPolicy()
        self._busy = threading.Lock()
        self._give_way = threading.Event()  # a restart that waits makes room for a change
        self._closing = threading.Event()
        self._listener: socket.socket | None = None
        self._current: Server | None = None
        self._deployment: dict[str, str] = {}
        self._staged: Server | None = None
        self._retiring: list[threading.Thread] = []
        self._numbers = itertools.count(1)
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._watcher.start()

    @property
    def port(self) -> int | None:
        """The public port, while there is one."""
        listener = self._listener
        return int(listener.getsockname()[1]) if listener is not None else None

    @property
    def answering_uri(self) -> str | None:
        """Where callers are answered now; None while nothing answers."""
        return f"http://{LOOPBACK}:{self.port}/score" if self._live() is not None else None

    def idle(self) -> bool:
        """Whether nothing serves and nothing is being started."""
        return self._current is None and not self._busy.locked()

    def switch(
        self,
        bundle: BundleReference,
        settings: LocalSettings,
        emit: Emit,
        cancelled: threading.Event,
        judge: Callable[[Server], None] | None = None,
        deployment: dict[str, str] | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Make a bundle the one that answers; when exactly this answers already, there is nothing to do.

        Args:
            bundle: what to serve.
            settings: how.
            emit: given the events.
            cancelled: set by whoever wants it no more; it is heeded until the new server takes over.
            judge: given the new server before any client meets it; it refuses by raising.
            deployment: kept beside the service once the new server answers.
            again: start it afresh all the same.

        Raises:
            TargetError: the new server did not come up. The old one, if there is one, serves on.
            OperationCancelled: `cancelled` was set, or the service is closing.
        """
        begun = time.monotonic()
        with self._operation():  # only within it is it certain what answers, and published
            if not again and self._serves(bundle, settings):
                self._publish(State.READY)  # without the story of a change that failed meanwhile
                emit(Event(EventKind.READY, "ready", "serves this bundle already", 0.0))
                return
            self._policy.forget()
            listener = self._listener
            try:
                listener = self._public_listener(settings.port)
                new = self._stage(bundle, settings, listener, emit, cancelled)
                if judge is not None:
                    judge(new)
                _heed(cancelled, self._closing)
            except BaseException as error:
                self._give_up_staged(listener, bundle, error)
                raise
            self._hand_over(new, listener, deployment or {})
        emit(
            Event(EventKind.READY, "ready", f"http://{LOOPBACK}:{self.port}/score", time.monotonic() - begun)
        )

    def close(self, grace_seconds: float | None = None) -> None:
        """End everything; requests under way may take the grace, by default as long as a request may take."""
        self._closing.set()
        self._give_way.set()
        self._watcher.join()
        with self._busy:
            self._drop_listener(self._listener)
            current, self._current = self._current, None
            if current is not None:
                limit = current.settings.timeout_seconds + 1
                current.stop(limit if grace_seconds is None else min(limit, grace_seconds))
        for thread in self._retiring:
            thread.join()

    # -- the change

    @contextlib.contextmanager
    def _operation(self) -> Iterator[None]:
        deadline = time.monotonic() + GIVE_WAY_SECONDS
        while not self._busy.acquire(timeout=WATCH_SECONDS):
            self._give_way.set()
            if time.monotonic() > deadline:
                raise operation_under_way(self._folder.root / "operation.json")
        try:
            yield
        finally:
            self._busy.release()

    def _public_listener(self, port: int) -> socket.socket:
        """The socket for a port: the one in use where it will do."""
        if self._listener is not None and port in (0, self.port):
            return self._listener
        return listen(port, self._folder.root.parent)

    def _stage(
        self,
        bundle: BundleReference,
        settings: LocalSettings,
        listener: socket.socket,
        emit: Emit,
        cancelled: threading.Event,
    ) -> Server:
        """Start a server that answers on its private port only, and wait until it does."""
        emit(Event(EventKind.STEP_STARTED, "init", "starting the server and calling init()"))
        begun = time.monotonic()
        places = (self._folder.servers / str(number) for number in self._numbers)
        folder = next(place for place in places if not place.exists())  # some leave what cannot be removed
        server = start_server(bundle, settings, listener, folder, self._log)
        self._staged = server
        self._log.note(f"server {server.pid} started for bundle {bundle.short}")
        port = int(listener.getsockname()[1])
        if self._live() is None:
            self._publish(State.STARTING, bundle.digest, port=port)
        else:
            self._publish(State.READY, detail=f"changing to bundle {bundle.short}")
        either = _AnyOf(cancelled, self._closing)
        server.wait_ready(either, lambda line: emit(Event(EventKind.LOG, "init", line)))
        emit(Event(EventKind.STEP_FINISHED, "init", seconds=time.monotonic() - begun))
        return server

    def _give_up_staged(
        self, listener: socket.socket | None, bundle: BundleReference, error: BaseException
    ) -> None:
        """Go back to what was there before."""
        staged, self._staged = self._staged, None
        if staged is not None:
            staged.kill()
        if listener is not self._listener:
            self._drop_listener(listener)
        cancelled = isinstance(error, OperationCancelled)
        reason = "cancelled" if cancelled else _in_short(error)
        self._log.note(f"bundle {bundle.short} does not serve: {reason}")
        if self._live() is not None:
            detail = None if cancelled else f"the change to bundle {bundle.short} failed: {reason}"
            self._publish(State.READY, detail=detail)
        elif (
            self._current is None
        ):  # otherwise it has crashed, and is started again as soon as this change is over
            self._drop_listener(self._listener)
            if cancelled:
                self._publish(State.ABSENT)
            else:
                self._publish(State.FAILED, bundle.digest, detail=reason)

    def _hand_over(self, new: Server, listener: socket.socket, deployment: dict[str, str]) -> None:
        old, self._current, self._staged = self._current, new, None
        self._deployment = deployment
        old_listener, self._listener = self._listener, listener
        new.open_gate()
        self._log.note(f"server {new.pid} serves on port {self.port}")
        self._publish(State.READY)
        if old is None:
            return
        old.terminate()
        if old_listener is not None and old_listener is not listener:
            old_listener.close()
        if old.wait(HANDOVER_SECONDS):
            old.kill()
        else:
            thread = threading.Thread(target=old.stop, args=(old.settings.timeout_seconds + 1,), daemon=True)
            self._retiring = [other for other in self._retiring if other.is_alive()] + [thread]
            thread.start()

    def _drop_listener(self, listener: socket.socket | None) -> None:
        if listener is not None:
            listener.close()
        if listener is self._listener:
            self._listener = None

    # -- crashes

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_SECONDS):
            current = self._current
            if current is None or current.exit_status() is None:
                continue
            if not self._busy.acquire(blocking=False):
                continue
            try:
                self._give_way.clear()
                if current is self._current:
                    self._recover(current)
            except Exception:  # noqa: BLE001 - without this thread no crash would be recovered any more
                self._staged = None
                self._log.note(f"the server could not be started again:\n{traceback.format_exc()}")
            finally:
                self._busy.release()
            if self.idle():
                self._on_given_up()

    def _recover(self, dead: Server) -> None:
        """Start a crashed server again, until it stays or has crashed too often."""
        cause = dead.explain_crash()
        listener = self._listener
        assert listener is not None  # noqa: S101 - a server that was ready has a public socket
        while True:
            delay = self._policy.next_delay(time.monotonic())
            self._log.note(f"server {dead.pid} is gone: {cause.problems[0]}")
            if delay is None:
                times = f"{self._policy.recent + 1} times within {self._policy.window_seconds:g} s"
                detail = f"TOC-LOCAL-026 crashed {times}; the last time: {_in_short(cause)}"
                self._log.note(f"not started again: {detail}")
                self._current = None
                self._drop_listener(listener)
                self._publish(State.FAILED, dead.bundle.digest, detail=detail)
                return
            attempt = f"restart {self._policy.recent} of {self._policy.limit}"
            detail = f"{attempt} after a crash: {cause.problems[0].what}"
            self._publish(State.STARTING, dead.bundle.digest, detail=detail)
            if self._give_way.wait(delay):
                return
            try:
                new = self._stage(dead.bundle, dead.settings, listener, lambda _: None, self._give_way)
            except OperationCancelled:
                self._staged = None
                return
            except TargetError as error:
                self._staged = None
                cause = error
                continue
            new.open_gate()
            self._current, self._staged = new, None
            self._publish(State.READY, detail=f"restarted after a crash: {cause.problems[0].what}")
            self._log.note(f"server {new.pid} serves on port {self.port}")
            return

    # -- what is true

    def _serves(self, bundle: BundleReference, settings: LocalSettings) -> bool:
        current = self._live()
        return current is not None and current.bundle == bundle and current.settings == settings

    def _live(self) -> Server | None:
        current = self._current
        return current if current is not None and current.exit_status() is None else None

    def _publish(
        self, state: State, digest: str | None = None, port: int | None = None, detail: str | None = None
    ) -> None:
        servers = tuple(server for server in (self._live(), self._staged) if server is not None)
        if state is State.READY and self._current is not None:
            digest = self._current.bundle.digest
        version = None
        if self._current is not None and state is not State.FAILED:
            version = {
                "digest": self._current.bundle.digest,
                "settings": self._current.settings.described(),
                "record": self._deployment,
            }
        self._publish_to(Snapshot(state, servers, digest, port or self.port, detail, version))


def _in_short(error: BaseException) -> str:
    if isinstance(error, TargetError):
        problem = error.problems[0]
        return f"{problem.code} " + (f"{problem.where}: " if problem.where else "") + problem.what
    return repr(error)


def _heed(*cancelled: threading.Event) -> None:
    if any(event.is_set() for event in cancelled):
        raise OperationCancelled


class _AnyOf(threading.Event):
    """Set when one of several events is."""

    def __init__(self, *events: threading.Event) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)
