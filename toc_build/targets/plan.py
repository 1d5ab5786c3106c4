"""Desired against live: what an apply would change, made the same way for every target.

A target says what is live (`live()`), what is desired (`describe()`), and what each kind of change means
there; `make_plan` does the rest. `deployment.preflight` adds findings; the command line draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from toc_build.findings import Finding

if TYPE_CHECKING:
    from toc_build.targets.protocol import TargetDescription, Version

BUNDLE = "bundle"  # the name of the change from one digest to another


class Effect(str, Enum):
    """What one change means for the service and its callers.

    IN_PLACE: the version that answers goes on; only what is around it changes.
    REPLACES: a new version starts beside the old one and takes over; no request is lost.
    INTERRUPTS: requests fail, or are refused, meanwhile.
    """

    IN_PLACE = "in place"
    REPLACES = "replaces"
    INTERRUPTS = "interrupts requests"


class Action(str, Enum):
    """What an apply would do on the whole: the heaviest of its changes."""

    NOTHING = "nothing to do"
    CREATE = "create"
    CHANGE = "change in place"
    REPLACE = "replace"
    INTERRUPT = "replace, with requests interrupted"


class Cost(str, Enum):
    """Who pays for what an apply makes. The amount is Azure's to say; the class is ours."""

    NOTHING = "costs nothing: it runs on this machine"
    SHARED = "room on a cluster that is paid for already"
    METERED = "billed by the second while it exists"


@dataclass(frozen=True)
class Change:
    """One setting that an apply would change.

    Attributes:
        name: of the setting, as in `TargetDescription.settings`, or `bundle`.
        old: the live value; None where there is none.
        new: the desired value.
        effect: what the change means.
        why: words on the effect where it needs them, such as `one replica`.
    """

    name: str
    old: object
    new: object
    effect: Effect
    why: str = ""


@dataclass(frozen=True)
class Needs:
    """What the desired service takes, all replicas together being `replicas` times the rest.

    Attributes:
        cores: CPU cores for each replica.
        memory_gb: memory in GB for each replica.
        replicas: the most that there will be.
        gpus: for each replica.
    """

    cores: float
    memory_gb: float | None = None
    replicas: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Cluster:
    """What is known of the machines that the service would run on; None for what is not known.

    Attributes:
        vm_size: Azure's name of the nodes' size, such as `Standard_D3_v2`.
        nodes: how many there are.
        production: whether it is an Azure ML cluster for production (FastProd), not for trying out (DevTest).
        region: where it is, such as `northeurope`.
        offered: names of the sizes that the region offers.
    """

    vm_size: str | None = None
    nodes: int | None = None
    production: bool | None = None
    region: str | None = None
    offered: frozenset[str] | None = None


@dataclass(frozen=True)
class Plan:
    """What an apply of a bundle would do to a target; nothing in it is secret.

    Attributes:
        target: the target's name.
        where: the place, such as `127.0.0.1:8890`.
        old_digest: of the bundle that answers now; None when nothing does.
        new_digest: of the bundle to be applied.
        changes: in the order of the description's settings, the bundle first.
        needs: what it takes.
        cost: who pays.
        findings: what may go wrong, the target's own first.
        cluster: what the target saw of its machines, for the rules of preflight.
    """

    target: str
    where: str
    old_digest: str | None
    new_digest: str
    changes: tuple[Change, ...]
    needs: Needs
    cost: Cost
    findings: tuple[Finding, ...] = ()
    cluster: Cluster | None = field(default=None, compare=False)

    @property
    def action(self) -> Action:
        """What an apply would do on the whole."""
        if self.old_digest is None:
            return Action.CREATE
        effects = {change.effect for change in self.changes}
        if Effect.INTERRUPTS in effects:
            return Action.INTERRUPT
        if Effect.REPLACES in effects:
            return Action.REPLACE
        return Action.CHANGE if effects else Action.NOTHING

    @property
    def pending(self) -> bool:
        """Whether an apply would change anything."""
        return self.action is not Action.NOTHING

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "target": self.target,
            "where": self.where,
            "action": self.action.value,
            "interrupts": self.action is Action.INTERRUPT,
            "old_digest": self.old_digest,
            "new_digest": self.new_digest,
            "changes": [
                {
                    "name": change.name,
                    "old": change.old,
                    "new": change.new,
                    "effect": change.effect.value,
                    "why": change.why,
                }
                for change in self.changes
            ],
            "needs": {
                "cores": self.needs.cores,
                "memory_gb": self.needs.memory_gb,
                "replicas": self.needs.replicas,
                "gpus": self.needs.gpus,
            },
            "cost": self.cost.value,
            "findings": [finding.to_json() for finding in self.findings],
        }


def make_plan(
    description: TargetDescription,
    live: Version | None,
    digest: str,
    *,
    effect: Callable[[str], Effect | tuple[Effect, str]],
    needs: Needs,
    cost: Cost,
    findings: tuple[Finding, ...] = (),
    cluster: Cluster | None = None,
) -> Plan:
    """Compares what is desired with what is live.

    A setting that the live version does not know (it was deployed by an older toc-build, or by hand) counts
    as changed, with None as its old value; one that is not desired any more, likewise the other way.

    Args:
        description: what is desired.
        live: what answers now; None when nothing does: everything is new then, and nothing is interrupted.
        digest: of the bundle to be applied.
        effect: setting -> what a change of it means on this target, with words where it needs them; asked for
            `bundle` too.
        needs: what the desired service takes.
        cost: who pays.
        findings: the target's own.
        cluster: what the target saw of its machines.
    """
    desired: Mapping[str, object] = {BUNDLE: digest, **description.settings}
    known: Mapping[str, object] = {} if live is None else {BUNDLE: live.digest, **live.settings}
    changes = []
    for name in dict.fromkeys((*desired, *known)):
        old, new = known.get(name), desired.get(name)
        if old == new:
            continue
        told = (Effect.REPLACES, "") if live is None else effect(name)
        what, why = told if isinstance(told, tuple) else (told, "")
        changes.append(Change(name, old, new, what, why))
    return Plan(
        description.name,
        description.where,
        None if live is None else live.digest,
        digest,
        tuple(changes),
        needs,
        cost,
        findings,
        cluster,
    )
