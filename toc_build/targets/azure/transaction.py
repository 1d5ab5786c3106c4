"""How a version gets to Azure: beside the one that answers, judged there, then in its place.

Neither an ACI nor an AKS service can show one version to a judge and another to callers. So a second service,
the candidate `<name>-toc-next`, is made of the new version with the same keys, judged, and only then the
service itself is updated; its image is built already, and a failing build, a failing `init()` and wrong
answers never come near a caller. A first version has nobody to disturb: it is judged in its place.

What is left when this process is killed: a candidate, which the next apply removes, or a service that is
being updated, for whose end the next apply waits.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toc_build.errors import Problem, TargetError, UserError
from toc_build.findings import Finding, Severity
from toc_build.targets.azure import failures, health, lock
from toc_build.targets.azure.contents import read_contents
from toc_build.targets.azure.kind import AROUND
from toc_build.targets.azure.payload import MADE_BY, SINCE, Live, properties_of, read_live, tags_of
from toc_build.targets.azure.specification import make_specification
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.protocol import Candidate, DeployableBundle, Event, Judge, State, Version
from toc_build.targets.steps import Steps

if TYPE_CHECKING:
    from toc_build.targets.azure.target import Place

PAUSES = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0)  # seconds between two looks at an operation
LOG_LINES = 5000
_PHASES = {"BuildEnvironment": "build", "BuildImage": "build", "DeployService": "init"}
_SCALING = frozenset(
    {
        "replicas",
        "autoscale.min_replicas",
        "autoscale.max_replicas",
        "autoscale.target_utilization",
        "autoscale.refresh_seconds",
    }
)
_NAME_LENGTH = 32
_CANDIDATE = "-toc-next"


def candidate_name(service: str) -> str:
    """The name of the service that stands beside `service` while a new version is judged."""
    return service[: _NAME_LENGTH - len(_CANDIDATE)].rstrip("-") + _CANDIDATE


class Transaction:
    """One apply.

    Args:
        place: what is deployed where.
        client: a connection; this transaction is its only user.
        bundle: what is to answer.
        settings: of the service.
        judge: asked before the new version meets callers.
        record: kept with the service.
        sleep: waits.
    """

    def __init__(
        self,
        place: Place,
        client: Client,
        bundle: DeployableBundle,
        settings: dict[str, Any],
        judge: Judge | None,
        record: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.check: Callable[[Live | None], tuple[Finding, ...]] = lambda _live: ()
        self._place = place
        self._client = client
        self._bundle = bundle
        self._settings = settings
        self._judge = judge
        self._record = record
        self._sleep = sleep
        self._steps = Steps(place.deadlines)
        self._step = ""
        self._lines: list[str] = []
        self._by, self._since = lock.who(), lock.now()

    def run(self) -> Iterator[Event]:
        """The whole; see `Target.apply`."""
        live = self._find(self._place.service)
        if live is not None and live.judged and live.state is State.READY and self._is_there(live):
            yield self._steps.ready(live.scoring_uri or "")
            return
        self._refuse(self.check(live), live)
        if self._client.signed_in is not None:
            yield self._steps.progress(str(self._client.signed_in))
        yield self._start("upload", "uploading to Azure")
        if live is not None and live.state is State.STARTING:
            live = yield from self._settled(live)
        yield from self._remove_leftover()
        if live is None or live.state is not State.READY or not live.judged:
            yield from self._first(live)
        elif self._only_around(live):
            yield from self._reconfigure(live)
        else:
            yield from self._replace(live)

    # What happens on the whole

    def _first(self, live: Live | None) -> Iterator[Event]:
        """No version answers that was judged: deploy under the final name, and judge there."""
        name = self._place.service
        if live is not None:
            yield self._steps.progress(f"removing what is left of an earlier try: it is {live.state.value}")
            yield from self._told("delete_service", name=name, pause_seconds=PAUSES)
        try:
            uri = yield from self._deploy(name, judged=False)
            yield from self._judged(Candidate(self._bundle.digest, uri, self._keys(name), serving=True))
            yield from self._mark_judged(name)
        except BaseException as error:
            self._withdraw(name, error)
            raise
        yield self._steps.ready(uri)

    def _replace(self, live: Live) -> Iterator[Event]:
        """A version answers: the new one is judged beside it, then takes its place."""
        beside = candidate_name(self._place.service)
        try:
            uri = yield from self._deploy(beside, candidate=True, keys_of=self._place.service)
            if self._judge is not None:
                incumbent = live.scoring_uri if live.state is State.READY else None
                headers = self._keys(beside)
                if headers != self._keys(self._place.service):
                    incumbent = None  # a token opens one service only
                yield from self._judged(
                    Candidate(self._bundle.digest, uri, headers, incumbent_uri=incumbent)
                )
            yield self._start("switch", "leading callers to the new version")
            yield from self._switch(live)
            with contextlib.suppress(TargetError):  # the service is right; the next apply removes what is left
                yield from self._told("delete_service", name=beside, pause_seconds=PAUSES)
            yield self._finish()
        except BaseException as error:
            self._withdraw(beside, error)
            raise
        yield self._steps.ready(self._uri(self._place.service))

    def _switch(self, live: Live) -> Iterator[Event]:
        anew = self._place.kind.made_anew(frozenset(self._changed(live)))
        begun = False
        try:
            specification = self._specification(self._place.service, update=not anew, judged=True)
            begun = True
            yield from self._ask_for(specification, anew=anew)
            yield from self._answering(self._place.service)
        except BaseException as error:
            if begun:
                self._restore(live, error, anew=anew)
            raise

    def _reconfigure(self, live: Live) -> Iterator[Event]:
        """Tags, description or the number of replicas: the version that answers stays."""
        yield self._finish()
        yield self._start("init", "changing the service in place")
        if set(self._changed(live)) <= AROUND:
            tags, properties = self._marks(judged=True)
            arguments = {"name": self._place.service, "tags": tags, "properties": properties}
            yield from self._operation("retag", **arguments)
        else:
            specification = self._specification(self._place.service, update=True, judged=True)
            yield from self._ask_for(specification, anew=False)
        yield self._finish()
        yield self._start("ready", "waiting for an answer")
        uri = yield from self._answering(self._place.service)
        yield self._finish()
        yield self._steps.ready(uri)

    # The parts

    def _deploy(
        self, name: str, *, candidate: bool = False, judged: bool = True, keys_of: str | None = None
    ) -> Iterator[Event]:
        """Upload, build, start: the events of a new service; its scoring URI is the generator's value."""
        specification = self._specification(name, candidate=candidate, judged=judged, keys_of=keys_of)
        model = yield from self._model()
        specification["models"] = [model]
        asked = yield from self._told("deploy", specification=specification)
        yield self._finish()
        yield self._start("init", "") if asked["operation"] is None else self._start("schedule", "")
        yield from self._follow(name, asked["operation"])
        if self._step != "init":
            yield self._finish()
            yield self._start("init", "the scoring script's init()")
        yield self._finish()
        yield self._start("ready", "waiting for an answer")
        uri = yield from self._answering(name)
        yield self._finish()
        return uri  # noqa: B901 - the value of `yield from`

    def _model(self) -> Iterator[Event]:
        """Registers the bundle's model, unless these very artifacts are; `name:version` is the value."""
        if self._place.registered:
            name, _, version = self._place.registered.rpartition(":")
            found = self._client.call("model", name=name, version=int(version))
            if found is None:
                raise TargetError(
                    f"there is no registered model {self._place.registered} in the workspace",
                    code="TOC-AZURE-022",
                    where=self._place.where("model", "registered"),
                    fix="name a version that is there, or remove `registered` to have model/ registered",
                )
            return str(found["id"])  # noqa: B901
        contents = read_contents(self._bundle)
        found = yield from self._told(
            "ensure_model",
            root=str(contents.root),
            folder="model",
            name=self._place.model_name,
            artifacts=contents.artifacts,
            description=None,
            tags={"toc-bundle": contents.digest},
        )
        return str(found["id"])  # noqa: B901

    def _ask_for(self, specification: dict[str, Any], *, anew: bool) -> Iterator[Event]:
        """Change the service itself, within the present step."""
        if not specification["models"][0]:
            specification["models"] = [(yield from self._model())]
        call = "deploy" if anew else "update"
        if anew:
            specification["overwrite"] = True
            specification["keys_of"] = self._place.service if self._settings["auth"] == "key" else None
        yield from self._operation(call, specification=specification)

    def _operation(self, call: str, **arguments: Any) -> Iterator[Event]:
        asked = yield from self._told(call, **arguments)
        if asked["operation"] is not None:
            yield from self._follow(self._place.service, asked["operation"], phases=False)

    def _follow(self, name: str, operation: str | None, *, phases: bool = True) -> Iterator[Event]:
        """Wait for an operation's end; its phases become steps.

        Raises:
            TargetError: it failed, with the cause out of the build's or the container's log.
        """
        if operation is None:
            return
        while True:
            stream = self._client.stream(
                "wait", operation=operation, pause_seconds=PAUSES, seconds=self._steps.remaining()
            )
            try:
                ended = yield from self._phases(stream, phases=phases)
            except TargetError as error:
                if error.code == "TOC-AZURE-010":
                    self._steps.hold(self._log_of(name))
                raise
            if ended is not None:
                break
        if ended["state"] != "Succeeded":
            raise failures.explain(ended, self._log_of(name), self._lines, self._place, self._bundle)

    def _phases(self, stream: Iterator[Any], *, phases: bool) -> Iterator[Event]:
        """The events of a wait; None instead of a result when the step changed, and its deadline with it."""
        while True:
            try:
                told = next(stream)
            except StopIteration as ended:
                return ended.value  # noqa: B901
            if told.kind == "operation":
                step = _PHASES.get(told.text)
                if phases and step and step != self._step and not (step == "build" and self._step == "init"):
                    yield self._finish()
                    yield self._start(step, "")
            elif told.kind == "log":
                self._lines.append(told.text)
                yield self._steps.log(told.text)
            else:
                yield self._steps.progress(told.text)

    def _answering(self, name: str) -> Iterator[Event]:
        """Wait until a service answers; its scoring URI is the value."""
        while True:
            live = self._find(name)
            if live is not None and live.scoring_uri and live.state is State.READY:
                headers = self._keys(name)
                for pause in health.until_answers(live.scoring_uri, headers):
                    self._steps.hold(self._log_of(name))
                    yield self._steps.progress("no answer yet")
                    self._sleep(pause)
                return live.scoring_uri  # noqa: B901
            if live is None or live.state is State.FAILED:
                ended = {"state": "Failed", "phase": "DeployService", "message": live.detail if live else ""}
                raise failures.explain(ended, self._log_of(name), self._lines, self._place, self._bundle)
            self._steps.hold(self._log_of(name))
            yield self._steps.progress(live.detail or "")
            self._sleep(PAUSES[1])

    def _judged(self, candidate: Candidate) -> Iterator[Event]:
        if self._judge is not None:
            yield self._start("samples", "asking the new version")
            self._judge(candidate)
            yield self._finish()

    def _mark_judged(self, name: str) -> Iterator[Event]:
        tags, properties = self._marks(judged=True)
        asked = self._client.call("retag", name=name, tags=tags, properties=properties)
        if asked["operation"] is not None:
            self._client.call("wait", operation=asked["operation"], pause_seconds=PAUSES)
        yield from ()

    def _settled(self, live: Live) -> Iterator[Event]:
        """Wait for the end of a change that another process began; the service as it is then is the value."""
        found: Live | None = live
        while found is not None and found.state is State.STARTING:
            yield self._steps.progress("a change of this service is under way: waiting for its end")
            self._steps.hold(None)
            self._sleep(PAUSES[2])
            found = self._find(self._place.service)
        return found  # noqa: B901

    def _remove_leftover(self) -> Iterator[Event]:
        left = self._find(candidate_name(self._place.service))
        if left is None:
            return
        if left.made_by and left.made_by != self._by and failures.is_recent(left.tags.get(SINCE, "")):
            raise TargetError(
                f"this service is being changed by {left.tags[MADE_BY]} (since {left.tags.get(SINCE)})",
                code="TOC-TARGET-004",
                where=left.name,
                fix="wait until that has ended; if it was killed, run `toc-build delete` for the service "
                f"{left.name} or wait an hour",
            )
        yield self._steps.progress(f"removing {left.name}, left by an apply that was cut off")
        yield from self._told("delete_service", name=left.name, pause_seconds=PAUSES)

    # Undoing

    def _withdraw(self, name: str, error: BaseException) -> None:
        """Take away what was made; a failure of that is added to the error, never put in its place."""
        try:
            self._client.call("delete_service", name=name, pause_seconds=PAUSES)
        except UserError as second:
            _add(error, f"{name} could not be removed; the next apply will", second)

    def _restore(self, live: Live, error: BaseException, *, anew: bool) -> None:
        """Put the version before back in place: from its bundle, or as Azure described it."""
        version = live.version
        root = self._place.find_bundle(version.digest) if version else None
        try:
            if version is None or root is None:
                if anew:
                    raise TargetError("its bundle is not on this machine any more", code="TOC-TARGET-005")
                asked = self._client.call("restore", name=live.name, payload=dict(live.payload))
            else:
                asked = self._client.call(
                    "deploy" if anew else "update", specification=self._earlier(live, version, root, anew=anew)
                )
            if asked["operation"] is not None:
                self._client.call("wait", operation=asked["operation"], pause_seconds=PAUSES)
        except UserError as second:
            _add(error, "the version before could not be put back: `toc-build rollback` does it", second)

    def _earlier(self, live: Live, version: Version, root: Path, *, anew: bool) -> dict[str, Any]:
        """The request that makes an earlier version what answers again, with the tags of then."""
        models = [str(identity) for identity in _model_ids(live.payload)]
        made = make_specification(
            self._place.kind,
            read_contents(_Earlier(root, version.digest)),
            version.settings,
            name=live.name,
            model=models[0] if models else "",
            tags=live.tags,
            properties={},
            update=not anew,
        )
        return {**made, "overwrite": anew}

    # Small things

    def _is_there(self, live: Live) -> bool:
        return live.version is not None and not self._changed(live) and live.version.digest == self._bundle.digest

    def _changed(self, live: Live) -> list[str]:
        known = live.version.settings if live.version else {}
        return [
            name
            for name in dict.fromkeys((*self._settings, *known))
            if known.get(name) != self._settings.get(name)
        ]

    def _only_around(self, live: Live) -> bool:
        same = live.version is not None and live.version.digest == self._bundle.digest
        return same and set(self._changed(live)) <= AROUND | _SCALING

    def _refuse(self, findings: tuple[Finding, ...], live: Live | None) -> None:
        wrong = [finding for finding in findings if finding.severity is Severity.ERROR]
        if wrong:
            raise TargetError.collect(
                Problem(one.code, one.what, one.where, one.fix, one.why) for one in wrong
            )
        if live is not None and live.version is None:
            raise failures.name_taken(live, self._place)

    def _specification(
        self,
        name: str,
        *,
        judged: bool,
        update: bool = False,
        candidate: bool = False,
        keys_of: str | None = None,
    ) -> dict[str, Any]:
        tags, properties = self._marks(judged=judged)
        return make_specification(
            self._place.kind,
            read_contents(self._bundle),
            self._settings,
            name=name,
            model="",
            tags=tags,
            properties=properties,
            update=update,
            candidate=candidate,
            keys_of=keys_of,
        )

    def _marks(self, *, judged: bool) -> tuple[dict[str, str], dict[str, str]]:
        digest = self._bundle.digest
        tags = tags_of(
            digest, self._settings, self._record, judged=judged, made_by=self._by, since=self._since
        )
        return tags, properties_of(digest, self._record, made_by=self._by, since=self._since)

    def _told(self, call: str, **arguments: Any) -> Iterator[Event]:
        """A call whose progress is shown; its result is the value."""
        stream = self._client.stream(call, seconds=self._steps.remaining(), **arguments)
        while True:
            try:
                told = next(stream)
            except StopIteration as ended:
                return ended.value  # noqa: B901
            yield self._steps.progress(told.text)

    def _start(self, step: str, text: str) -> Event:
        self._step = step
        return self._steps.start(step, text)

    def _finish(self) -> Event:
        return self._steps.finish()

    def _find(self, name: str) -> Live | None:
        return read_live(self._client.call("service", name=name), self._place.kind)

    def _keys(self, name: str) -> dict[str, str]:
        found: dict[str, str] = self._client.call("keys", name=name)
        return found

    def _uri(self, name: str) -> str:
        live = self._find(name)
        return (live.scoring_uri if live else None) or ""

    def _log_of(self, name: str) -> str:
        try:
            return str(self._client.call("service_logs", name=name, lines=LOG_LINES))
        except TargetError:
            return ""


@dataclass(frozen=True)
class _Earlier:
    root: Path
    digest: str


def _model_ids(payload: Mapping[str, Any]) -> list[Any]:
    """The registered models that a service was made of."""
    request = payload.get("environmentImageRequest") or {}
    return request.get("modelIds") or [model.get("id") for model in payload.get("models") or ()]


def _add(error: BaseException, what: str, second: UserError) -> None:
    if isinstance(error, UserError):
        first = second.problems[0]
        error.problems += (Problem("TOC-AZURE-023", f"{what}: {first.what}", details=first.details),)
