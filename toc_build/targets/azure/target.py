"""A target of the cloud behind the target protocol: what `aci` and `aks` have in common.

Made by `registry`. How a version gets there is `transaction`'s; here is what can be asked of a service.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toc_build.errors import TargetError
from toc_build.findings import Finding
from toc_build.targets.azure import failures, lock
from toc_build.targets.azure.look import missing_cluster
from toc_build.targets.azure.payload import Live, read_live
from toc_build.targets.azure.place import Place, candidate_name
from toc_build.targets.azure.transaction import Transaction
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.azure.work import PAUSES, Work
from toc_build.targets.plan import BUNDLE, Cluster, Effect, Plan, make_plan
from toc_build.targets.protocol import (
    DeployableBundle,
    Event,
    Judge,
    State,
    Status,
    TargetDescription,
    Version,
)
from toc_build.targets.steps import Steps

ALL_LINES = 5000  # as many as Azure keeps
FOLLOW_SECONDS = 2.0

# Sees what only the cloud knows (clusters, quotas, other services) before anything is uploaded.
Look = Callable[[Client, Place, Live | None], tuple[tuple[Finding, ...], Cluster | None]]


class AzureTarget:
    """A bundle served by Azure ML.

    Args:
        place: what it is set to do.
        client: the connection to the workspace, which signs in when it is first asked.
        look: sees what only the cloud knows, for `plan`.
        sleep: waits between two looks at a log.
    """

    def __init__(
        self,
        place: Place,
        client: Client,
        look: Look,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._place = place
        self._client = client
        self._look = look
        self._sleep = sleep

    @property
    def name(self) -> str:
        """`aci` or `aks`."""
        return self._place.kind.name

    def describe(self) -> TargetDescription:
        """What this target is set to do; touches nothing."""
        place = self._place
        where = f"{place.service} in the workspace {place.workspace}, {place.kind.where(place.settings)}"
        return TargetDescription(self.name, "Azure ML (SDK v1)", where, _given(place.settings))

    def live(self) -> Version | None:
        """The version that answers now, as the service itself says."""
        found = self._find()
        return _shown(found.version) if found and found.status().scoring_uri else None

    def plan(self, bundle: DeployableBundle) -> Plan:
        """What `apply(bundle)` would change; nothing is uploaded."""
        found = self._find()
        self._settle_cluster(found)
        findings, cluster = self._look(self._client, self._place, found)
        version = None if found is None else _shown(found.version)
        if version is not None and found is not None and not found.judged:
            version = replace(version, digest=f"{version.digest} (not judged)")
        return self._plan(bundle, version, findings, cluster)

    def apply(
        self,
        bundle: DeployableBundle,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Make the bundle the one that answers; see the protocol.

        Raises:
            TargetError: with the cause; what served before serves on.
        """
        yield from self._put(bundle, dict(self._place.settings), judge, record, checked=True)

    def rollback(
        self,
        to: Version,
        bundle: DeployableBundle | None = None,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Make an earlier version, with the settings of then, the one that answers."""
        if bundle is None:
            root = self._place.find_bundle(to.digest)
            if root is None:
                raise TargetError(
                    f"the version {to.digest[:19]} is not kept on this machine any more",
                    code="TOC-TARGET-005",
                    fix="check out its git revision and deploy it anew",
                )
            bundle = _Kept(root, to.digest)
        settings = {**dict.fromkeys(self._place.settings), **to.settings}
        yield from self._put(bundle, settings, judge, record, checked=False)

    def status(self) -> Status:
        """What is true now."""
        found = self._find()
        return Status(State.ABSENT) if found is None else found.status()

    def headers(self) -> dict[str, str]:
        """What callers must send: the key or a token, where the service asks for one. Never to be printed."""
        found: dict[str, str] = self._client.call("keys", name=self._place.service)
        return found

    def logs(self, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """The container's output, oldest line first.

        Raises:
            TargetError: there is no service.
        """
        if self._find() is None:
            raise self._nothing_deployed()
        lines = self._log()
        yield from lines if tail is None else lines[-tail:]
        while follow and self._find() is not None:
            self._sleep(FOLLOW_SECONDS)
            again = self._log()
            yield from _new_lines(lines, again)
            lines = again

    def delete(self) -> Iterator[Event]:
        """Delete the service and a candidate that was left beside it.

        Raises:
            TargetError: the name is that of a service that toc-build did not make.
        """
        steps = Steps({"stop": 900.0})
        client, service = self._client, self._place.service
        with lock.held(self._place.lock, "delete"):
            found = {
                name: read_live(client.call("service", name=name), self._place.kind)
                for name in (candidate_name(service), service)
            }
            live = found[service]
            if live is not None and not live.ours:
                raise failures.name_taken(live, self._place)
            names = [name for name, one in found.items() if one is not None and one.ours]
            if not names:
                return
            yield steps.start("stop", "deleting the service")
            for name in names:
                client.call("delete_service", name=name, pause_seconds=PAUSES, seconds=steps.remaining())
            yield steps.finish()

    def _put(
        self,
        bundle: DeployableBundle,
        settings: dict[str, Any],
        judge: Judge | None,
        record: Mapping[str, str] | None,
        *,
        checked: bool,
    ) -> Iterator[Event]:
        client = self._client
        with lock.held(self._place.lock, "deployment"):
            if settings.get("compute_target_name", "") is None:
                self._settle_cluster(self._find())
                settings["compute_target_name"] = self._place.settings["compute_target_name"]
            place = self._place
            image = settings.get("image")
            if place.demand is not None and image is not None:
                steps = Steps()
                yield steps.start("signature", f"checking the signature of {image}")
                place.demand(image)
                yield steps.finish()
            work = Work(place, client, bundle, settings, record or {}, sleep=self._sleep)
            if checked:
                check = lambda live: self._look(client, place, live)[0]  # noqa: E731 - one thought
                yield from Transaction(work, judge, check, place.canary).run()
            else:
                yield from Transaction(work, judge).run()

    def _plan(
        self,
        bundle: DeployableBundle,
        live: Version | None,
        findings: tuple[Finding, ...],
        cluster: Cluster | None,
    ) -> Plan:
        kind, settings = self._place.kind, self._place.settings

        def effect(name: str) -> Effect | tuple[Effect, str]:
            return kind.effect(BUNDLE if name == BUNDLE else name, settings)

        return make_plan(
            self.describe(),
            live,
            bundle.digest,
            effect=effect,
            needs=kind.needs(settings),
            cost=kind.cost,
            findings=findings,
            cluster=cluster,
        )

    def _find(self) -> Live | None:
        return read_live(self._client.call("service", name=self._place.service), self._place.kind)

    def _log(self) -> list[str]:
        text: str = self._client.call("service_logs", name=self._place.service, lines=ALL_LINES)
        return text.splitlines()

    def _settle_cluster(self, live: Live | None) -> None:
        """For a repository that names no cluster, the one that the service is on.

        Raises:
            TargetError: there is no service.
        """
        if self._place.settings.get("compute_target_name", "") is not None:
            return
        found = live.version.settings.get("compute_target_name") if live and live.version else None
        if found is None:
            raise missing_cluster(self._client, self._place.where("targets", "aks", "compute_target_name"))
        settings = {**self._place.settings, "compute_target_name": found}
        self._place = replace(self._place, settings=settings)

    def _nothing_deployed(self) -> TargetError:
        return TargetError(
            f"nothing is deployed as {self._place.service} in the workspace {self._place.workspace}",
            code="TOC-TARGET-001",
            fix=f"deploy it: `nox -s deploy_{self.name}`",
        )


@dataclass(frozen=True)
class _Kept:
    root: Path
    digest: str


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are set; the others are Azure's to choose."""
    return {name: value for name, value in settings.items() if value is not None}


def _shown(version: Version | None) -> Version | None:
    return None if version is None else replace(version, settings=_given(version.settings))


def _new_lines(before: list[str], after: list[str]) -> list[str]:
    """What a log has gained, although its beginning may have been dropped meanwhile."""
    if not before:
        return after
    for length in range(min(len(before), len(after)), 0, -1):
        if after[:length] == before[-length:]:
            return after[length:]
    return after
