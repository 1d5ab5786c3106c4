"""What every target can do, and the few values it says it with.

`deployment` and the command line know targets by this protocol only. Long work is an iterator of events:
whoever asks draws them, and nothing happens unless the iterator is read to its end. Leaving it early (Ctrl-C,
an exception, `close()`) cancels the work: what served before serves on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable


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
        settings: setting -> value, for showing and comparing; nothing secret.
    """

    name: str
    engine: str
    where: str
    settings: Mapping[str, object] = field(default_factory=dict)


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

    def apply(self, bundle: DeployableBundle) -> Iterator[Event]:
        """Make the bundle the one that answers.

        The last event is READY. When the bundle does not come up, what answered before goes on answering.

        Raises:
            TargetError: with the cause, raised out of the iterator.
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
