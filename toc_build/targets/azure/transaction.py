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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toc_build.errors import Problem, TargetError, UserError
from toc_build.findings import Finding, Severity
from toc_build.targets.azure import failures, versions
from toc_build.targets.azure.contents import read_contents
from toc_build.targets.azure.kind import AROUND
from toc_build.targets.azure.payload import MADE_BY, SINCE, Live
from toc_build.targets.azure.place import candidate_name
from toc_build.targets.azure.specification import make_specification
from toc_build.targets.azure.work import PAUSES, Doing, Work
from toc_build.targets.protocol import Candidate, Event, Judge, State, Version

RESTORE_TRIES = 2
_SCALING = frozenset(
    {
        "replicas",
        "autoscale.min_replicas",
        "autoscale.max_replicas",
        "autoscale.target_utilization",
        "autoscale.refresh_seconds",
    }
)


class Transaction:
    """One apply.

    Args:
        work: the steps.
        judge: asked before the new version meets callers.
        check: what stands against the deployment, given the service as it is.
        canary: the new version's share of the traffic in percent, 0 to withdraw the one that is there; None
            to replace the version that answers.
    """

    def __init__(
        self,
        work: Work,
        judge: Judge | None,
        check: Callable[[Live | None], tuple[Finding, ...]] = lambda _live: (),
        canary: int | None = None,
    ) -> None:
        self._work = work
        self._judge = judge
        self._check = check
        self._canary = canary

    def run(self) -> Iterator[Event]:
        """The whole; see `Target.apply`."""
        live = self._work.find(self._work.place.service)
        if self._canary is not None:
            self._require_versions(live)
        if live is not None and live.canary is not None and self._canary == 0:
            yield self._work.start("switch", "withdrawing the canary")
            yield from versions.withdraw(self._work, live, live.canary)
            yield self._work.finish()
            yield self._work.steps.ready(live.scoring_uri or "")
            return
        if live is not None and live.judged and live.state is State.READY and self._is_there(live):
            yield self._work.steps.ready(live.scoring_uri or "")
            return
        self._refuse(self._check(live), live)
        if self._work.client.signed_in is not None:
            yield self._work.steps.progress(str(self._work.client.signed_in))
        yield self._work.start("upload", "uploading to Azure")
        if live is not None and live.state is State.STARTING:
            live = yield from self._settled(live)
            if live is not None and live.judged and live.state is State.READY and self._is_there(live):
                yield self._work.finish()
                yield self._work.steps.ready(live.scoring_uri or "")
                return
        yield from self._remove_leftover()
        if live is None or live.state is not State.READY or not live.judged:
            yield from self._first(live)
        elif live.canary is not None and live.canary.digest == self._work.bundle.digest:
            yield from self._with_canary(live, versions.promote(self._work, live, live.canary))
        elif self._only_around(live):
            yield from self._reconfigure(live)
        else:
            yield from self._replace(live)

    # What happens on the whole

    def _first(self, live: Live | None) -> Doing[None]:
        """No version answers that was judged: deploy under the final name, and judge there."""
        name = self._work.place.service
        if live is not None:
            yield self._work.steps.progress(
                f"removing what is left of an earlier try: it is {live.state.value}"
            )
            yield from self._work.told("delete_service", name=name, pause_seconds=PAUSES)
        try:
            uri = yield from self._work.deploy(name, judged=False)
            yield from self._judged(
                Candidate(self._work.bundle.digest, uri, self._work.keys(name), serving=True)
            )
            yield from self._mark_judged(name)
        except BaseException as error:
            self._withdraw(name, error)
            raise
        yield self._work.steps.ready(uri)

    def _replace(self, live: Live) -> Doing[None]:
        """A version answers: the new one is judged beside it, then takes its place."""
        beside = candidate_name(self._work.place.service)
        try:
            uri = yield from self._work.deploy(beside, candidate=True, keys_of=self._work.place.service)
            if self._judge is not None:
                incumbent = live.scoring_uri if live.state is State.READY else None
                headers = self._work.keys(beside)
                if headers != self._work.keys(self._work.place.service):
                    incumbent = None  # a token opens one service only
                yield from self._judged(
                    Candidate(self._work.bundle.digest, uri, headers, incumbent_uri=incumbent)
                )
            yield self._work.start("switch", "leading callers to the new version")
            yield from self._switch(live)
            # The service is right already: what cannot be removed now, the next apply removes.
            with contextlib.suppress(TargetError):
                yield from self._work.told("delete_service", name=beside, pause_seconds=PAUSES)
            yield self._work.finish()
        except BaseException as error:
            self._withdraw(beside, error)
            raise
        yield self._work.steps.ready(self._work.uri(self._work.place.service))

    def _with_canary(self, live: Live, doing: Doing[None]) -> Doing[None]:
        yield self._work.finish()
        yield self._work.start("init", "the canary runs already")
        yield self._work.finish()
        yield self._work.start("switch", "leading all callers to the canary")
        yield from doing
        yield self._work.finish()
        yield self._work.steps.ready(live.scoring_uri or "")

    def _require_versions(self, live: Live | None) -> None:
        settings = self._work.settings
        if not settings.get("versions") or (live is not None and live.wire != "AKSENDPOINT"):
            raise TargetError(
                "a canary needs a service with versions; this is a plain service, which has one",
                code="TOC-AKS-004",
                where=self._work.place.where("targets", "aks", "versions"),
                fix="write `versions: true` there and deploy once without --canary: the service is made anew",
            )
        if live is None and self._canary:
            raise TargetError(
                "a canary shares the traffic with the version that answers, and none answers yet",
                code="TOC-AKS-005",
                fix="deploy without --canary first",
            )

    def _switch(self, live: Live) -> Doing[None]:
        if live.wire == "AKSENDPOINT" and self._work.settings.get("versions"):
            if self._canary:
                yield from versions.share(self._work, live, self._canary, self._judge)
            else:
                yield from versions.take_over(self._work, live)
            return
        anew = self._work.place.kind.made_anew(frozenset(self._changed(live)))
        begun = False
        try:
            specification = self._work.specification(self._work.place.service, update=not anew, judged=True)
            begun = True
            yield from self._work.ask_for(specification, anew=anew)
            yield from self._work.answering(self._work.place.service)
        except BaseException as error:
            if begun:
                self._restore(live, error, anew=anew)
            raise

    def _reconfigure(self, live: Live) -> Doing[None]:
        """Tags, description or the number of replicas: the version that answers stays."""
        yield self._work.finish()
        yield self._work.start("init", "changing the service in place")
        if set(self._changed(live)) <= AROUND:
            tags, properties = self._work.marks(judged=True)
            around = {"tags": tags, "properties": properties}
            around["description"] = self._work.settings["description"]
            yield from self._work.operation("retag", name=self._work.place.service, **around)
        else:
            specification = self._work.specification(self._work.place.service, update=True, judged=True)
            yield from self._work.ask_for(specification, anew=False)
        yield self._work.finish()
        yield self._work.start("ready", "waiting for an answer")
        uri = yield from self._work.answering(self._work.place.service)
        yield self._work.finish()
        yield self._work.steps.ready(uri)

    # Around a version

    def _judged(self, candidate: Candidate) -> Doing[None]:
        if self._judge is not None:
            yield self._work.start("samples", "asking the new version")
            self._judge(candidate)
            yield self._work.finish()

    def _mark_judged(self, name: str) -> Doing[None]:
        tags, properties = self._work.marks(judged=True)
        asked = self._work.client.call("retag", name=name, tags=tags, properties=properties)
        if asked["operation"] is not None:
            self._work.client.call("wait", operation=asked["operation"], pause_seconds=PAUSES)
        yield from ()

    def _settled(self, live: Live) -> Doing[Live | None]:
        """Wait for the end of a change that another process began; the service as it is then is the value."""
        found: Live | None = live
        while found is not None and found.state is State.STARTING:
            yield self._work.steps.progress("a change of this service is under way: waiting for its end")
            self._work.steps.hold(None)
            self._work.pause(PAUSES[2])
            found = self._work.find(self._work.place.service)
        return found

    def _remove_leftover(self) -> Doing[None]:
        left = self._work.find(candidate_name(self._work.place.service))
        if left is None:
            return
        if not left.ours:
            raise failures.name_taken(left, self._work.place)
        if left.made_by and left.made_by != self._work.by and failures.is_recent(left.tags.get(SINCE, "")):
            raise TargetError(
                f"this service is being changed by {left.tags[MADE_BY]} (since {left.tags.get(SINCE)})",
                code="TOC-TARGET-004",
                where=left.name,
                fix="wait until that has ended; if it was killed, run `toc-build delete` for the service "
                f"{left.name} or wait an hour",
            )
        yield self._work.steps.progress(f"removing {left.name}, left by an apply that was cut off")
        yield from self._work.told("delete_service", name=left.name, pause_seconds=PAUSES)

    # Undoing

    def _withdraw(self, name: str, error: BaseException) -> None:
        """Take away what was made; a failure of that is added to the error, never put in its place."""
        try:
            if self._work.is_ours(self._work.find(name)):
                self._work.client.call("delete_service", name=name, pause_seconds=PAUSES)
        except UserError as second:
            _add(error, f"{name} could not be removed; the next apply will", second)

    def _restore(self, live: Live, error: BaseException, *, anew: bool) -> None:
        """Put the version before back in place; what stopped the new one may stop the first try, too."""
        second: UserError | None = None
        for _ in range(RESTORE_TRIES):
            try:
                self._put_back(live, anew=anew)
            except UserError as failed:
                second = failed
            else:
                return
        if second is not None:
            _add(error, "the version before could not be put back: `toc-build rollback` does it", second)

    def _put_back(self, live: Live, *, anew: bool) -> None:
        """The version before, from its bundle, or as Azure described it."""
        version = live.version
        root = self._work.place.find_bundle(version.digest) if version else None
        if version is not None and root is not None:
            call = "deploy" if anew else "update"
            specification = self._earlier(live, version, root, anew=anew)
            asked = self._work.client.call(call, specification=specification)
        elif anew:
            raise TargetError("its bundle is not on this machine any more", code="TOC-TARGET-005")
        else:
            asked = self._work.client.call("restore", name=live.name, payload=dict(live.payload))
        if asked["operation"] is None:
            return
        ended = self._work.client.call("wait", operation=asked["operation"], pause_seconds=PAUSES)
        if ended["state"] != "Succeeded":
            raise TargetError(ended["message"] or f"it ended as {ended['state']}", code="TOC-AZURE-023")

    def _earlier(self, live: Live, version: Version, root: Path, *, anew: bool) -> dict[str, Any]:
        """The request that makes an earlier version what answers again, with the tags of then."""
        made = make_specification(
            self._work.place.kind,
            read_contents(_Earlier(root, version.digest)),
            version.settings,
            name=live.name,
            models=[str(identity) for identity in _model_ids(live.payload)],
            tags=live.tags,
            properties={},
            update=not anew,
        )
        return {**made, "overwrite": anew}

    def _is_there(self, live: Live) -> bool:
        return (
            live.version is not None
            and not self._changed(live)
            and live.version.digest == self._work.bundle.digest
        )

    def _changed(self, live: Live) -> list[str]:
        known = live.version.settings if live.version else {}
        return [
            name
            for name in dict.fromkeys((*self._work.settings, *known))
            if known.get(name) != self._work.settings.get(name)
        ]

    def _only_around(self, live: Live) -> bool:
        same = live.version is not None and live.version.digest == self._work.bundle.digest
        return same and set(self._changed(live)) <= AROUND | _SCALING

    def _refuse(self, findings: tuple[Finding, ...], live: Live | None) -> None:
        wrong = [finding for finding in findings if finding.severity is Severity.ERROR]
        if wrong:
            raise TargetError.collect(
                Problem(one.code, one.what, one.where, one.fix, one.why) for one in wrong
            )
        if live is not None and live.version is None:
            raise failures.name_taken(live, self._work.place)


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
