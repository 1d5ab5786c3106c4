"""Faults on demand: what goes wrong, at which step, how often. The wire and `deployments` ask here.

A fault is written `STEP:KIND`, with `=VALUE` where it has one, `xTIMES` for more than once and `@NUMBER` for
not before that many calls of the step: `services.create:429x2`, `build:slow=5`, `init:raise`,
`upload.blob:half@3`. `random:SEED` makes a schedule of a few faults, the same for the same seed.
"""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, replace

from toc_build.errors import UserError

# What can go wrong with any request: an answer instead of the true one, or a cut connection, before or after
# the service did what it was asked.
STATUSES = ("408", "429", "500", "502", "503", "504")
HTTP_KINDS = (*STATUSES, "cut", "lost", "expired", "slow")
REQUEST_STEPS = (
    "signin",
    "workspace",
    "discovery",
    "computes.get",
    "computes.create",
    "computes.delete",
    "environments.get",
    "environments.create",
    "upload.create",
    "upload.blob",
    "assets.create",
    "models.create",
    "models.get",
    "models.update",
    "models.delete",
    "services.validate",
    "services.create",
    "services.get",
    "services.update",
    "services.delete",
    "services.keys",
    "services.regenerate",
    "services.token",
    "services.logs",
    "operations.get",
    "packages.create",
    "score",
)
# What can go wrong while a service is deployed.
DEPLOYMENT_KINDS = {
    "build": ("fail", "slow", "quota"),
    "init": ("raise", "slow"),
    "deploy": ("never", "quota"),
}
EXTRA_KINDS = {"upload.blob": ("half",), "services.create": ("quota",), "computes.create": ("quota",)}
_TEXT = re.compile(
    r"(?P<step>[a-z.]+):(?P<kind>\w+?)(?:=(?P<value>\d+(?:\.\d+)?))?(?:x(?P<times>\d+))?(?:@(?P<at>\d+))?"
)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        step: where, one of the steps above.
        kind: what.
        value: seconds, for `slow`.
        times: how often.
        at: from which call of the step on, counted from 1.
    """

    step: str
    kind: str
    value: float = 0.0
    times: int = 1
    at: int = 1

    def __str__(self) -> str:
        value = f"={self.value:g}" if self.value else ""
        times = f"x{self.times}" if self.times > 1 else ""
        at = f"@{self.at}" if self.at > 1 else ""
        return f"{self.step}:{self.kind}{value}{times}{at}"


def kinds(step: str) -> tuple[str, ...]:
    """What can go wrong at a step; nothing at one that there is not."""
    if step in DEPLOYMENT_KINDS:
        return DEPLOYMENT_KINDS[step]
    return (*HTTP_KINDS, *EXTRA_KINDS.get(step, ())) if step in REQUEST_STEPS else ()


def parse(text: str) -> list[Fault]:
    """The faults that a text asks for.

    Raises:
        UserError: it cannot be read, or names a step or kind that there is not.
    """
    step, _, seed = text.partition(":")
    if step == "random" and seed.isdigit():
        return schedule(int(seed))
    found = _TEXT.fullmatch(text)
    known = kinds(found["step"]) if found else kinds(step)
    if found is None or found["kind"] not in known:
        steps = ", ".join((*DEPLOYMENT_KINDS, *REQUEST_STEPS))
        raise UserError(
            f"{text!r} is no fault.",
            code="TOC-REHEARSAL-004",
            where="--fault",
            fix=(
                f"at {step} can go wrong: {', '.join(known)}."
                if known
                else f"write STEP:KIND, as in services.create:429x2; the steps are {steps}."
            ),
        )
    return [
        Fault(
            found["step"],
            found["kind"],
            float(found["value"] or (2.0 if found["kind"] == "slow" else 0)),
            int(found["times"] or 1),
            int(found["at"] or 1),
        )
    ]


def schedule(seed: int) -> list[Fault]:
    """A few faults, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret about it
    steps = [step for step in (*DEPLOYMENT_KINDS, *REQUEST_STEPS) if step != "score"]
    faults = []
    for step in chance.sample(steps, chance.randint(1, 3)):
        kind = chance.choice(kinds(step))
        value = chance.choice((0.2, 0.5, 1.0)) if kind == "slow" else 0.0
        faults.append(Fault(step, kind, value, chance.choice((1, 1, 2)), chance.choice((1, 1, 1, 2, 3))))
    return faults


class Faults:
    """The faults that are still to come. Every method may be called from any thread."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self._lock = threading.Lock()
        self._waiting = list(faults or [])
        self._calls: dict[str, int] = {}

    def add(self, faults: list[Fault]) -> None:
        """More of them; calls are counted from now on."""
        with self._lock:
            for fault in faults:
                calls = self._calls.get(fault.step, 0)
                self._waiting.append(replace(fault, at=fault.at + calls))

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[str]:
        """Those that are still to come, as they are written."""
        with self._lock:
            return [str(fault) for fault in self._waiting]

    def take(self, step: str) -> Fault | None:
        """What goes wrong with this call of a step; None when nothing does."""
        with self._lock:
            calls = self._calls[step] = self._calls.get(step, 0) + 1
            for number, fault in enumerate(self._waiting):
                if fault.step == step and calls >= fault.at:
                    if fault.times > 1:
                        self._waiting[number] = replace(fault, times=fault.times - 1)
                    else:
                        del self._waiting[number]
                    return fault
        return None
