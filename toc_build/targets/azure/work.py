"""The steps of a deployment to Azure, each a generator of events; `transaction` puts them in order.

A step waits for Azure through the worker, holds its deadline, and gives what it was for as its value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from toc_build.errors import TargetError
from toc_build.targets.azure import failures, health, lock
from toc_build.targets.azure.contents import read_contents
from toc_build.targets.azure.payload import SINCE, Live, properties_of, read_live, tags_of
from toc_build.targets.azure.specification import make_specification
from toc_build.targets.azure.v1.client import Client, Told
from toc_build.targets.protocol import DeployableBundle, Event, State
from toc_build.targets.steps import Steps

if TYPE_CHECKING:
    from toc_build.targets.azure.place import Place

T = TypeVar("T")
Doing = Generator[Event, None, T]

OPERATION_SECONDS = 3 * 3600.0  # the steps have deadlines of their own
PAUSES = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0)  # seconds between two looks at an operation
LOG_LINES = 5000
_PHASES = {"BuildEnvironment": "build", "BuildImage": "build", "DeployService": "init"}


class Work:
    """What one apply does, piece by piece.

    Args:
        place: what is deployed where.
        client: a connection; this work is its only user.
        bundle: what is to answer.
        settings: of the service.
        record: kept with the service.
        sleep: waits.
    """

    def __init__(
        self,
        place: Place,
        client: Client,
        bundle: DeployableBundle,
        settings: Mapping[str, Any],
        record: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.place = place
        self.client = client
        self.bundle = bundle
        self.settings = settings
        self.record = record
        self.steps = Steps(place.deadlines)
        self.by, self.since = lock.who(), lock.now()
        self._sleep = sleep
        self._step = ""
        self._lines: list[str] = []

    def deploy(
        self, name: str, *, candidate: bool = False, judged: bool = True, keys_of: str | None = None
    ) -> Doing[str]:
        """Upload, build, start: the events of a new service; its scoring URI is the generator's value."""
        specification = self.specification(name, candidate=candidate, judged=judged, keys_of=keys_of)
        specification["models"] = yield from self.models()
        if specification["kind"] == "AKSENDPOINT":
            from toc_build.targets.azure.versions import version_name

            specification["version"] = version_name(self)
        operation = yield from self._asked_for(name, specification)
        yield self.finish()
        yield self.start("schedule", "")
        if operation is not None:
            yield from self.follow(name, operation)
        if self._step != "init":
            yield self.finish()
            yield self.start("init", "the scoring script's init()")
        yield self.finish()
        yield self.start("ready", "waiting for an answer")
        uri = yield from self.answering(name)
        yield self.finish()
        return uri

    def _asked_for(self, name: str, specification: dict[str, Any]) -> Doing[str | None]:
        """Ask for a new service; the operation is the value, None when only its answer was lost.

        The SDK asks again when no answer comes, and Azure then says that the name is taken: by us.
        """
        try:
            asked = yield from self.told("deploy", specification=specification)
        except TargetError:
            if not self.is_ours(self.find(name)):
                raise
            return None
        operation: str | None = asked["operation"]
        return operation

    def is_ours(self, live: Live | None) -> bool:
        """Whether this very apply made the service."""
        return live is not None and (live.made_by, live.tags.get(SINCE)) == (self.by, self.since)

    def models(self) -> Doing[list[str]]:
        """Registers the bundle's model, unless these very artifacts are; its `name:version` is the value.

        A bundle without artifacts has no model, and none is registered.
        """
        if self.place.registered:
            name, _, version = self.place.registered.rpartition(":")
            found = self.client.call("model", name=name, version=int(version))
            if found is None:
                raise TargetError(
                    f"there is no registered model {self.place.registered} in the workspace",
                    code="TOC-AZURE-022",
                    where=self.place.where("model", "registered"),
                    fix="name a version that is there, or remove `registered` to have model/ registered",
                )
            return [str(found["id"])]
        contents = read_contents(self.bundle)
        if not contents.artifact_count:
            return []
        found = yield from self.told(
            "ensure_model",
            root=str(contents.root),
            folder="model",
            name=self.place.model_name,
            artifacts=contents.artifacts,
            description=None,
            tags={"toc-bundle": contents.digest},
        )
        return [str(found["id"])]

    def ask_for(self, specification: dict[str, Any], *, anew: bool) -> Doing[None]:
        """Change the service itself, within the present step."""
        specification["models"] = yield from self.models()
        call = "deploy" if anew else "update"
        if anew:
            specification["overwrite"] = True
            specification["keys_of"] = self.place.service if self.settings["auth"] == "key" else None
        yield from self.operation(call, specification=specification)

    def operation(self, call: str, **arguments: Any) -> Doing[None]:
        """A call that begins an operation on the service itself, and its end."""
        asked = yield from self.told(call, **arguments)
        if asked["operation"] is not None:
            yield from self.follow(self.place.service, asked["operation"], phases=False)

    def follow(self, name: str, operation: str, *, phases: bool = True) -> Doing[None]:
        """Wait for an operation's end; its phases become steps.

        Raises:
            TargetError: it failed, with the cause out of the build's or the container's log.
        """
        stream = self.client.stream(
            "wait",
            operation=operation,
            pause_seconds=PAUSES,
            watch=name if phases else None,
            seconds=OPERATION_SECONDS,
        )
        while True:
            try:
                told = next(stream)
            except StopIteration as stopped:
                ended: dict[str, Any] = stopped.value
                break
            if told.kind == "container":
                early = failures.explain_log(told.text, self.place, self.bundle)
                if early is not None:
                    stream.close()
                    raise early
                continue
            yield from self._heard(told, phases=phases)
            if self.steps.remaining() <= 0:
                stream.close()
                self.steps.hold(self.log_of(name))
        if ended["state"] != "Succeeded":
            raise failures.explain(ended, self.log_of(name), self._lines, self.place, self.bundle)

    def _heard(self, told: Told, *, phases: bool) -> Doing[None]:
        """The events of what the worker says while it waits."""
        if told.kind == "operation":
            step = _PHASES.get(told.text)
            if phases and step and step != self._step and not (step == "build" and self._step == "init"):
                yield self.finish()
                yield self.start(step, "")
        elif told.kind == "log":
            self._lines.append(told.text)
            yield self.steps.log(told.text)
        elif told.text:
            yield self.steps.progress(told.text)

    def answering(self, name: str) -> Doing[str]:
        """Wait until a service answers; its scoring URI is the value."""
        while True:
            live = self.find(name)
            if live is not None and live.scoring_uri and live.state is State.READY:
                headers = self.keys(name)
                for pause in health.until_answers(live.scoring_uri, headers):
                    self.steps.hold(self.log_of(name))
                    yield self.steps.progress("no answer yet")
                    self._sleep(pause)
                return live.scoring_uri
            if live is None or live.state is State.FAILED:
                ended = {"state": "Failed", "phase": "DeployService", "message": live.detail if live else ""}
                raise failures.explain(ended, self.log_of(name), self._lines, self.place, self.bundle)
            self.steps.hold(self.log_of(name))
            yield self.steps.progress(live.detail or "")
            self._sleep(PAUSES[1])

    def specification(
        self,
        name: str,
        *,
        judged: bool,
        update: bool = False,
        candidate: bool = False,
        keys_of: str | None = None,
    ) -> dict[str, Any]:
        """What to ask for; see `make_specification`."""
        tags, properties = self.marks(judged=judged)
        return make_specification(
            self.place.kind,
            read_contents(self.bundle),
            self.settings,
            name=name,
            tags=tags,
            properties=properties,
            update=update,
            candidate=candidate,
            keys_of=keys_of,
        )

    def marks(self, *, judged: bool) -> tuple[dict[str, str], dict[str, str]]:
        """Tags and properties of the service with the new version."""
        digest = self.bundle.digest
        tags = tags_of(digest, self.settings, self.record, judged=judged, made_by=self.by, since=self.since)
        return tags, properties_of(digest, self.record, made_by=self.by, since=self.since)

    def told(self, call: str, **arguments: Any) -> Doing[Any]:
        """A call whose progress is shown; its result is the value."""
        stream = self.client.stream(call, seconds=self.steps.remaining(), **arguments)
        while True:
            try:
                told = next(stream)
            except StopIteration as ended:
                return ended.value
            yield self.steps.progress(told.text)

    def start(self, step: str, text: str) -> Event:
        """The event of a step's start."""
        self._step = step
        return self.steps.start(step, text)

    def finish(self) -> Event:
        """The event of the present step's end."""
        return self.steps.finish()

    def find(self, name: str) -> Live | None:
        """A service as it is now."""
        return read_live(self.client.call("service", name=name), self.place.kind)

    def keys(self, name: str) -> dict[str, str]:
        """What its callers must send."""
        found: dict[str, str] = self.client.call("keys", name=name)
        return found

    def uri(self, name: str) -> str:
        """Where it is posted images; empty when it is not there."""
        live = self.find(name)
        return (live.scoring_uri if live else None) or ""

    def log_of(self, name: str) -> str:
        """The container's output, as far as it can be had."""
        try:
            return str(self.client.call("service_logs", name=name, lines=LOG_LINES))
        except TargetError:
            return ""

    def pause(self, seconds: float) -> None:
        """Wait, within the present step."""
        self._sleep(seconds)
