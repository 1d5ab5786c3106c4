"""What every target can do, and the few values it says it with.

`deployment` and the command line know targets by this protocol only; `tests/targets/contract_suite.py` holds
every target to it. Long work is an iterator of events: whoever asks draws them, and nothing happens unless
the iterator is read to its end. Leaving it early (Ctrl-C, an exception, `close()`) cancels the work: what
served before serves on. Being killed in the middle leaves a service that answers with a whole version, and
`apply` again goes on from there.

An apply, step by step (a target leaves out those that it has not):

    upload    code, model and environment go to where they are built or run
    build     the image is made
    schedule  a place to run is found
    init      the server starts and the scoring script's init() runs
    ready     the new version answers GET /
    samples   `judge` asks the new version and may reject it
    switch    callers are led to the new version, and the old one goes

Where two versions cannot run side by side, `switch` comes before `init`, and a failure or a rejection puts
the version before back, within the same `apply`. A version that answers there but whose judgement was cut off
(the tool was killed) does not count as being there already: the next `apply` judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable

from toc_build.targets.plan import Plan

STEPS = ("upload", "build", "schedule", "init", "ready", "samples", "switch")


class EventKind(str, Enum):
    """What an event tells."""

    STEP_STARTED = "step-started"
    PROGRESS = "progress"
    LOG = "log"
    STEP_FINISHED = "step-finished"
    READY = "ready"


@dataclass(frozen=True)
class Event:
    """One thing that happened during long work.

    Attributes:
        kind: what it tells.
        step: the name of the step that it belongs to, such as `init`.
        text: words for a person; for LOG the line itself, without its line end.
        seconds: for STEP_FINISHED and READY, how long the step or the whole work took.
        fraction: for PROGRESS, the part done in [0, 1], or None where it is not known.
    """

    kind: EventKind
    step: str = ""
    text: str = ""
    seconds: float | None = None
    fraction: float | None = None


class State(str, Enum):
    """How a service is doing.

    ABSENT: nothing is deployed. STARTING: not answering yet, or again. READY: answering. FAILED: given up;
        the detail says why.
    STOPPED: it ran and ended without being deleted.
    """

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Status:
    """What is true of a service now.

    Attributes:
        state: how it is doing.
        digest: of the bundle that answers, or that is being started when none answers.
        scoring_uri: where images are posted, while it is READY or STARTING.
        pid: of the process that answers, for targets on this machine.
        started: when that bundle was started, in UTC.
        detail: words for a person: the cause of a failure, a change under way.
    """

    state: State
    digest: str | None = None
    scoring_uri: str | None = None
    pid: int | None = None
    started: datetime | None = None
    detail: str | None = None


@dataclass(frozen=True)
class TargetDescription:
    """What a target is set to do; made without touching it.

    Attributes:
        name: the target's name, as in `deploy.yml`.
        engine: what runs the bundle there, such as `process`.
        where: the place, such as `127.0.0.1:8890`.
        settings: setting -> value (JSON values), for showing and comparing; nothing secret.
    """

    name: str
    engine: str
    where: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """What one deployment put in place: enough to compare with, and to put it there again.

    Attributes:
        digest: of the bundle.
        settings: as `TargetDescription.settings` was then.
        record: what `apply` was given to keep beside the service; empty for one that was given nothing.
    """

    digest: str
    settings: Mapping[str, object] = field(default_factory=dict)
    record: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A new version that is ready and waits to be judged.

    Attributes:
        digest: of its bundle.
        scoring_uri: where this very version is posted images.
        headers: to send with every request; they hold the key where one is asked for.
        serving: whether callers meet it already: two versions cannot run side by side there.
        incumbent_uri: where the version before answers meanwhile; None when there is none, or not any more.
        memory: gives the bytes of memory that this version takes now; None where the target cannot tell.
    """

    digest: str
    scoring_uri: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    serving: bool = False
    incumbent_uri: str | None = None
    memory: Callable[[], int | None] = field(default=lambda: None, repr=False, compare=False)


# Returns when the candidate may stay; raises `Rejected` (or any other error) when it must go. It runs inside
# the iterator, between two events, and may take as long as the samples take.
Judge = Callable[[Candidate], None]


class DeployableBundle(Protocol):
    """What a target needs of a bundle."""

    @property
    def root(self) -> Path:
        """The bundle's folder, with `code/` and `model/`."""
        ...

    @property
    def digest(self) -> str:
        """What names the bundle's content."""
        ...


@runtime_checkable
class Target(Protocol):
    """A place where a bundle runs."""

    @property
    def name(self) -> str:
        """The target's name, as in `deploy.yml`."""
        ...

    def describe(self) -> TargetDescription:
        """What this target is set to do; touches nothing."""
        ...

    def live(self) -> Version | None:
        """The version that answers now, as the service itself says; None when none does. Changes nothing.

        Raises:
            TargetError: the target cannot be reached.
        """
        ...

    def plan(self, bundle: DeployableBundle) -> Plan:
        """What `apply(bundle)` would change, field by field; reads the live service and changes nothing.

        Raises:
            TargetError: the target cannot be reached.
        """
        ...

    def apply(
        self,
        bundle: DeployableBundle,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Make the bundle the one that answers.

        Steps come as STEP_STARTED and STEP_FINISHED by the names of `STEPS`, the server's own lines as LOG,
        and the last event is READY. When exactly this bundle with these settings answers already, READY is
        the only event, and nothing is judged or recorded. Every step has a deadline.

        Whatever goes wrong or is cancelled, what answered before answers on, or again: where two versions
        cannot run side by side, the target puts the version before back before the error leaves the iterator.

        Args:
            bundle: what is to answer.
            judge: called once the new version is ready, before the old one goes.
            record: kept as tags or properties of the live service together with digest and settings, and
                given back by `live()`; short texts, nothing secret.

        Raises:
            Rejected: as raised by `judge`.
            TargetError: with the cause, raised out of the iterator; another change of this service is under
                way (it says whose, and since when).
        """
        ...

    def rollback(
        self,
        to: Version,
        bundle: DeployableBundle | None = None,
        *,
        judge: Judge | None = None,
        record: Mapping[str, str] | None = None,
    ) -> Iterator[Event]:
        """Make an earlier version, with the settings of then, the one that answers; otherwise as `apply`.

        Args:
            to: a version that was live once.
            bundle: the bundle of that digest, where this machine still has it.
            judge: see `apply`.
            record: see `apply`.

        Raises:
            TargetError: as `apply`; the target does not keep that version, and no bundle was given.
        """
        ...

    def status(self) -> Status:
        """What is true now; never raises for a service in a bad state."""
        ...

    def logs(self, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """The service's output, oldest line first.

        Args:
            tail: how many of the last lines; None for all that are kept.
            follow: go on with new lines until the service ends.

        Raises:
            TargetError: there is no log.
        """
        ...

    def delete(self) -> Iterator[Event]:
        """End the service and remove what it left; does nothing when there is none.

        Raises:
            TargetError: it could not be ended, or a deployment of it is under way.
        """
        ...


@runtime_checkable
class AsksForHeaders(Protocol):
    """A target whose services ask callers for something."""

    def headers(self) -> dict[str, str]:
        """What callers must send, such as a key; secret.

        Raises:
            TargetError: nothing is deployed.
        """
        ...
