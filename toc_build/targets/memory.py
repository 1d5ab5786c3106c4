"""A target that is nothing but this process: for tests of whatever works with targets, ours and our users'.

It keeps the protocol as the real ones do (it runs the same contract suite), answers over real HTTP from
threads, and fails when it is told to:

    service = MemoryService()
    target = MemoryTarget(service, fail={"init": TargetError("no weights", code="MINE")})

Targets made of one `MemoryService` see the same service, as two commands do.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from toc_build.errors import TargetError
from toc_build.targets.plan import BUNDLE, Cluster, Cost, Effect, Needs, Plan, make_plan
from toc_build.targets.protocol import (
    Candidate,
    DeployableBundle,
    Event,
    Judge,
    State,
    Status,
    TargetDescription,
    Version,
)
from toc_build.targets.steps import Steps

Scorer = Callable[[bytes], bytes]
STEPS_BEFORE_INIT = ("upload", "build", "schedule")


def no_detections(_bundle: DeployableBundle) -> Scorer:
    """A scorer that finds nothing in any image."""
    return lambda _image: b"[]"


@dataclass
class _Running:
    version: Version
    scorer: Scorer
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


class MemoryService:
    """The world in which a service lives: what a cloud keeps between two commands.

    Args:
        scorer: makes the function that answers for a bundle: bytes of an image to bytes of JSON.
        key: asked of every request when it is not None.
    """

    def __init__(
        self, scorer: Callable[[DeployableBundle], Scorer] = no_detections, *, key: str | None = None
    ) -> None:
        self.scorer = scorer
        self.key = key
        self.current: _Running | None = None
        self.bundles: dict[str, DeployableBundle] = {}
        self.log: list[str] | None = None
        self.holder: str | None = None
        self._public: _Endpoint | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What a request must carry."""
        return {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}

    @property
    def scoring_uri(self) -> str:
        """Where callers post images, whatever answers."""
        if self._public is None:
            self._public = _Endpoint(self, lambda: self.current.scorer if self.current else None)
        return self._public.uri

    @contextlib.contextmanager
    def private(self, scorer: Scorer) -> Iterator[str]:
        """A scoring URI for one version alone, while the block runs."""
        endpoint = _Endpoint(self, lambda: scorer)
        try:
            yield endpoint.uri
        finally:
            endpoint.close()

    def close(self) -> None:
        """Answer no more."""
        if self._public is not None:
            self._public.close()
            self._public = None


class MemoryTarget:
    """A target without machines.

    Args:
        service: what other targets may share.
        settings: what is described, compared and kept; `tags` changes in place, `place` interrupts requests,
            everything else replaces.
        side_by_side: whether the old version answers until the new one is judged.
        fail: step -> error that it ends with.
        cluster: shown in the plan.
    """

    effects: ClassVar[Mapping[str, Effect]] = {"tags": Effect.IN_PLACE, "place": Effect.INTERRUPTS}

    def __init__(
        self,
        service: MemoryService,
        settings: Mapping[str, object] | None = None,
        *,
        side_by_side: bool = True,
        fail: Mapping[str, TargetError] | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self._service = service
        self._settings = dict(settings or {"replicas": 1})
        self._side_by_side = side_by_side
        self._fail = fail or {}
        self._cluster = cluster

    @property
    def name(self) -> str:
        """`memory`."""
        return "memory"

    def describe(self) -> TargetDescription:
        """What this target is set to do."""
        return TargetDescription(self.name, "threads", "this process", dict(self._settings))

    def live(self) -> Version | None:
        """The version that answers."""
        return self._service.current.version if self._service.current else None

    def plan(self, bundle: DeployableBundle) -> Plan:
        """What an apply would change."""
        return make_plan(
            self.describe(),
            self.live(),
            bundle.digest,
            effect=self._effect,
            needs=Needs(cores=1, memory_gb=1),
            cost=Cost.NOTHING,
            cluster=self._cluster,
        )

    def apply(
        self,
        bundle: DeployableBundle,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Make the bundle the one that answers."""
        yield from self._put(bundle, self._settings, judge, record)

    def rollback(
        self,
        to: Version,
        bundle: DeployableBundle | None = None,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Make an earlier version the one that answers."""
        kept = self._service.bundles.get(to.digest, bundle)
        if kept is None:
            raise TargetError(
                f"the version {to.digest[:19]} is not kept any more",
                code="TOC-TARGET-005",
                fix="deploy it anew",
            )
        yield from self._put(kept, to.settings, judge, record)

    def status(self) -> Status:
        """What is true now."""
        current = self._service.current
        if current is None:
            return Status(State.ABSENT)
        return Status(State.READY, current.version.digest, self._service.scoring_uri, started=current.started)

    def logs(self, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """What was written so far."""
        del follow  # whatever ends, ends here at once
        if self._service.log is None:
            raise TargetError("nothing is deployed", code="TOC-TARGET-001", fix="deploy it")
        yield from self._service.log if tail is None else self._service.log[-tail:]

    def delete(self) -> Iterator[Event]:
        """End the service."""
        if self._service.current is None and self._service.log is None:
            return
        steps = Steps()
        with self._held("delete"):
            yield steps.start("stop", "ending the service")
            self._service.current = None
            self._service.log = None
            yield steps.finish()

    def _effect(self, name: str) -> Effect:
        if name == BUNDLE and not self._side_by_side:
            return Effect.INTERRUPTS
        return self.effects.get(name, Effect.REPLACES)

    def _put(
        self,
        bundle: DeployableBundle,
        settings: Mapping[str, object],
        judge: Judge | None,
        record: Mapping[str, str] | None,
    ) -> Iterator[Event]:
        service, steps = self._service, Steps()
        with self._held("apply"):
            before = service.current
            if before and (before.version.digest, before.version.settings) == (bundle.digest, settings):
                yield steps.ready(service.scoring_uri)
                return
            service.log = [] if service.log is None else service.log
            new = _Running(Version(bundle.digest, dict(settings), dict(record or {})), service.scorer(bundle))
            try:
                for step in STEPS_BEFORE_INIT:
                    yield from self._step(steps, step)
                if not self._side_by_side:
                    service.current = None
                    yield from self._step(steps, "switch")
                yield from self._step(steps, "init", log=f"init of {bundle.digest}")
                yield from self._step(steps, "ready")
                if not self._side_by_side:
                    service.current = new
                if judge is not None:
                    yield steps.start("samples", "asking the new version")
                    self._judge(new, judge)
                    yield steps.finish()
                if self._side_by_side:
                    yield from self._step(steps, "switch")
            except BaseException:
                service.current = before
                raise
            service.current = new
            service.bundles[bundle.digest] = bundle
        yield steps.ready(service.scoring_uri)

    def _judge(self, new: _Running, judge: Judge) -> None:
        service, digest = self._service, new.version.digest
        if not self._side_by_side:
            judge(Candidate(digest, service.scoring_uri, service.headers, serving=True))
            return
        with service.private(new.scorer) as uri:
            incumbent = service.scoring_uri if service.current is not None else None
            judge(Candidate(digest, uri, service.headers, incumbent_uri=incumbent))

    def _step(self, steps: Steps, name: str, *, log: str | None = None) -> Iterator[Event]:
        yield steps.start(name, name)
        if log is not None and self._service.log is not None:
            self._service.log.append(log)
            yield steps.log(log)
        if name in self._fail:
            raise self._fail[name]
        yield steps.finish()

    @contextlib.contextmanager
    def _held(self, what: str) -> Iterator[None]:
        if self._service.holder is not None:
            raise TargetError(
                f"this service is being changed by {self._service.holder}",
                code="TOC-TARGET-004",
                fix="wait until that has ended, and try again",
            )
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._service.holder = f"this process ({what} since {since})"
        try:
            yield
        finally:
            self._service.holder = None


class _Endpoint:
    """An HTTP server in a thread that asks for its scorer anew with every request."""

    def __init__(self, service: MemoryService, scorer: Callable[[], Scorer | None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200 if scorer() else 503, b"Healthy" if scorer() else b"", "text/plain")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answering = scorer()
                if any(self.headers.get(name) != value for name, value in service.headers.items()):
                    self._answer(401, b'{"error": {"message": "the key is missing or wrong"}}')
                elif answering is None:
                    self._answer(503, b'{"error": {"message": "nothing answers"}}')
                else:
                    self._answer(200, answering(body))

            def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}/score"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
