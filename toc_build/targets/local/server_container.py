"""One server in a container: the image's own azmlinfsrv, from its start to its end.

Connections are handed on to it by a `Forwarder`, from a private port that always leads to it and, once the
gate is open, from the service's public socket. A container outlives nobody: its standard input is held by
this process, and `gunicorn_hooks.py` ends it when that is let go of, by `kill -9` for one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from toc_build.errors import TargetError
from toc_build.targets.local import container_causes, container_run, diagnose
from toc_build.targets.local.forwarder import Forwarder
from toc_build.targets.local.identity import ProcessIdentity
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.ports import listen, share
from toc_build.targets.local.server import LINE_BYTES, STACK_LEAD_SECONDS, TICK_SECONDS, Server
from toc_build.targets.local.settings import BundleReference, LocalSettings

if TYPE_CHECKING:
    from docker.models.containers import Container

REACH_SECONDS = 1.0
SETTLE_SECONDS = 2.0  # a server that is to end is first given what is on its way to it, but not for ever
NETWORK_TRIES = 5  # another service that ends may remove the network just before a container joins it
ENGINE_GONE = 125  # the exit status of a container of which the engine says nothing any more


class ServerContainer(Server):
    """A server that is a container.

    Args:
        bundle: what it serves.
        settings: how; `settings.container` says which image, in which engine.
        public: the service's listening socket; it stays the caller's.
        folder: to be made, for what is mounted; removed at its end.
        log: where its output goes.

    Raises:
        TargetError: the engine is not there, has no such image, or refuses to run it.
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
        assert settings.container is not None  # noqa: S101 - `servers` has looked
        self._how = settings.container
        self._public = share(public)
        self._begun = time.time()
        self._ended = False
        self._retiring = False
        self._exited = threading.Event()
        self._status: int | None = None
        self._watch = container_causes.LogWatch(self._how.memory_gb)
        self._stack = contextlib.ExitStack()
        self._stack.callback(self._public.close)
        try:
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._start()
        except BaseException:
            self._stack.close()
            raise

    def _start(self) -> None:
        from toc_build.image.engine import Engine

        self._engine = Engine.connect(url=self._how.engine)
        self._stack.callback(self._engine.close)
        isolated = not self._how.outbound
        container, connection, address = self._run(isolated=isolated)
        if isolated and (address is None or not _reachable(address)):
            self._log.note("this engine cannot keep the container from reaching other machines: it may")
            _remove(container)
            connection.close()
            container, connection, address = self._run(isolated=False)
        self._container, self._attached = container, connection
        self._stack.callback(connection.close)
        self._stack.callback(_remove, container)
        if address is None:
            raise TargetError(
                "the container engine did not publish the container's port",
                code="TOC-ENGINE-010",
                where=self._how.engine,
                fix="see `docker info` for its network settings",
            )
        self._forwarder = Forwarder(address)
        self._stack.callback(self._forwarder.close)
        self._threads = [
            threading.Thread(target=target, name=f"{name}-{container.short_id}", daemon=True)
            for name, target in (("log", self._read_output), ("wait", self._wait_for_exit))
        ]
        for thread in self._threads:
            thread.start()
        self.identity = _identity(container)
        with contextlib.closing(listen(0)) as private:
            self.private_port = int(private.getsockname()[1])
            self._forwarder.accept_from(private, public=False)

    def _run(self, *, isolated: bool) -> tuple[Container, Any, tuple[str, int] | None]:
        """A started container, the connection to its standard streams, and where it is reached."""
        from docker.errors import APIError

        for tries_left in reversed(range(NETWORK_TRIES)):
            try:
                return self._run_once(isolated=isolated)
            except APIError as error:
                if not tries_left or not container_run.network_went(error):
                    raise container_run.refused(error, self._how) from None
        raise AssertionError  # the last try has returned or raised

    def _run_once(self, *, isolated: bool) -> tuple[Container, Any, tuple[str, int] | None]:
        lead = min(STACK_LEAD_SECONDS, self.settings.readiness_seconds / 4)
        wish = container_run.Wish(
            self.bundle,
            self._how,
            self._folder,
            owner=self._folder.parent.parent,
            stack_at=time.time() + self.settings.readiness_seconds - lead,
        )
        container = container_run.create(self._engine.client, wish, isolated=isolated)
        try:
            api: Any = self._engine.client.api
            streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            connection = api.attach_socket(container.id, params=streams)  # nothing is missed
            container.start()
            self._deadline = time.monotonic() + self.settings.readiness_seconds
            return container, connection, container_run.address_of(container, self._how, isolated=isolated)
        except BaseException:
            _remove(container)
            raise

    @property
    def temp_dir(self) -> Path | None:
        """It is in the container's memory."""
        return None

    def exit_status(self) -> int | None:
        """None while it runs; otherwise its exit status, negative for a signal."""
        return self._status if self._exited.is_set() else None

    def open_gate(self) -> None:
        """Let it have connections from the public socket."""
        self._forwarder.accept_from(self._public, public=True)

    def terminate(self) -> None:
        """Give it no more connections; ask it to end when it has all that was on the way to it."""
        if self._retiring:
            return
        self._retiring = True
        self._public.close()  # otherwise callers would go on to queue up at a socket nobody accepts from
        self._forwarder.stop_accepting()
        threading.Thread(target=self._ask_to_end, name="retire", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs."""
        return self._exited.wait(seconds)

    def kill(self) -> None:
        """End and remove the container, and cut its connections. Harmless when repeated."""
        if self._ended:
            return
        self._ended = True
        _remove(self._container)
        self._exited.wait(5.0)
        for thread in self._threads:
            thread.join(1.0)
        self._oom_kills = self._count_oom_kills()
        self._stack.close()

    def _ask_to_end(self) -> None:
        """SIGTERM, when nobody waits for an answer or has just come; gunicorn finishes what it has."""
        from docker.errors import APIError
        from requests import RequestException

        deadline = time.monotonic() + SETTLE_SECONDS
        while self._forwarder.busy() and time.monotonic() < deadline and not self._exited.is_set():
            time.sleep(TICK_SECONDS)
        with contextlib.suppress(APIError, RequestException):
            self._container.kill("SIGTERM")

    def _read_output(self) -> None:
        """Its lines, from two streams that come in pieces."""
        from docker.utils import socket as streams

        frames: Any = streams.frames_iter
        rest = {1: b"", 2: b""}
        with contextlib.suppress(OSError, ValueError, streams.SocketError):
            for stream, data in frames(self._attached, tty=False):
                *lines, rest[stream] = (rest.get(stream, b"") + data).split(b"\n")
                for line in lines:
                    self._take(line)
                if len(rest[stream]) > LINE_BYTES:
                    self._take(rest[stream])
                    rest[stream] = b""
        for line in filter(None, rest.values()):
            self._take(line)

    def _take(self, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").rstrip("\r")
        self._take_line(line)
        for note in self._watch.heed(line, time.monotonic()):
            self._log.note(note)
        if self._watch.looping:
            _remove(self._container)  # it would go on like this for ever, and call itself running

    def _wait_for_exit(self) -> None:
        from docker.errors import APIError
        from requests import RequestException

        status = ENGINE_GONE
        with contextlib.suppress(APIError, RequestException):
            api: Any = self._engine.client.api
            status = int(api.wait(self._container.id, timeout=None)["StatusCode"])
        self._status = 128 - status if status > 128 else status
        self._exited.set()
        self._forwarder.stop_accepting()

    def _count_oom_kills(self) -> int:
        """How often the kernel has ended one of its processes because its memory was used up."""
        from docker.errors import APIError
        from requests import RequestException

        with contextlib.suppress(APIError, RequestException):
            api: Any = self._engine.client.api
            filters = {"container": [self._container.id], "event": ["oom"]}
            events = api.events(since=int(self._begun), until=time.time(), filters=filters, decode=True)
            return sum(1 for _ in events)
        return 0

    def _facts(self) -> container_causes.Facts:
        gone = self._status == ENGINE_GONE and not self._engine_answers()
        return container_causes.Facts(self._how, self._oom_kills, self._watch.killed, gone)

    def _engine_answers(self) -> bool:
        from toc_build.image.engine import Engine

        with contextlib.suppress(TargetError):
            Engine.connect(url=self._how.engine).close()
            return True
        return False

    def _evidence(self) -> diagnose.Evidence:
        """The lines with the bundle's paths on this machine in place of the container's."""
        return container_causes.at_home(super()._evidence())

    def _explain_exit(self, evidence: diagnose.Evidence) -> TargetError:
        return container_causes.explain(evidence, self._facts()) or super()._explain_exit(evidence)

    def _explain_hang(self, evidence: diagnose.Evidence) -> TargetError:
        return container_causes.explain_memory(evidence, self._facts()) or super()._explain_hang(evidence)

    def _explain_crash(self, evidence: diagnose.Evidence) -> TargetError:
        return container_causes.explain(evidence, self._facts()) or super()._explain_crash(evidence)


def _remove(container: Container) -> None:
    """End and remove a container; one that is gone already is as wanted."""
    from docker.errors import APIError
    from requests import RequestException

    with contextlib.suppress(APIError, RequestException):
        container.remove(v=True, force=True)


def _reachable(address: tuple[str, int]) -> bool:
    """Whether the way to an address is open; nobody need listen there yet."""
    try:
        socket.create_connection(address, timeout=REACH_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def _identity(container: Container) -> ProcessIdentity:
    """The container's first process where this machine sees it, otherwise the one that holds its lifeline."""
    pid = int(container.attrs["State"].get("Pid") or 0)
    with contextlib.suppress(OSError, psutil.Error):
        if pid and str(container.id) in Path("/proc", str(pid), "cgroup").read_text("utf-8"):
            return ProcessIdentity.of(pid)
    return ProcessIdentity.of(os.getpid())
