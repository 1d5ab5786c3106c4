"""Plans of every kind, as a person reads them: golden texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.targets_bundles import HandMadeBundle

from toc_build.cli.plan import show_plan
from toc_build.console import Console
from toc_build.findings import Finding, Severity
from toc_build.targets.memory import MemoryService, MemoryTarget
from toc_build.targets.plan import Action, Cost, Effect, Needs, Plan, make_plan
from toc_build.targets.protocol import TargetDescription, Version

GOLDEN = Path(__file__).parent / "golden"
ONE, TWO = (HandMadeBundle(Path(name), f"sha256:{name * 64}"[:71]) for name in "12")
LIVE = {"replicas": 2, "tags": "a", "place": "north"}


def planned(bundle: HandMadeBundle, settings: dict[str, Any], *, live: bool = True, **how: Any) -> Plan:
    service = MemoryService()
    if live:
        for _ in MemoryTarget(service, LIVE).apply(ONE):
            pass
    plan = MemoryTarget(service, settings, **how).plan(bundle)
    service.close()
    return plan


CASES = {
    "create": (Action.CREATE, lambda: planned(ONE, LIVE, live=False)),
    "no-change": (Action.NOTHING, lambda: planned(ONE, LIVE)),
    "change": (Action.CHANGE, lambda: planned(ONE, {**LIVE, "tags": "b"})),
    "replace": (Action.REPLACE, lambda: planned(TWO, {**LIVE, "replicas": 3, "tags": "b"})),
    "interrupt": (Action.INTERRUPT, lambda: planned(TWO, {**LIVE, "place": "south"})),
    "interrupt-one-place": (Action.INTERRUPT, lambda: planned(TWO, LIVE, side_by_side=False)),
}


@pytest.mark.parametrize("name", CASES)
def test_plans_read_as_they_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    action, make = CASES[name]
    plan = make()
    assert plan.action is action
    assert plan.pending is (action is not Action.NOTHING)
    assert plan.to_json()["action"] == action.value
    assert plan.to_json()["interrupts"] is (action is Action.INTERRUPT)
    show_plan(plan, Console())
    assert capsys.readouterr().out == (GOLDEN / f"plan-{name}.txt").read_text(encoding="utf-8")


def test_findings_and_reasons_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    description = TargetDescription("aks", "kubernetes", "inference-ml", {"replicas": 1})
    finding = Finding("TOC-DOC-003", Severity.WARNING, "one.", "deploy.yml:9 targets", "why.", "do.")
    plan = make_plan(
        description,
        Version("sha256:" + "1" * 64, {"replicas": 1, "gone": True}),
        "sha256:" + "2" * 64,
        effect=lambda _: (Effect.INTERRUPTS, "one replica"),
        needs=Needs(0.5, 2, 1, 1),
        cost=Cost.SHARED,
        findings=(finding,),
    )
    show_plan(plan, Console())
    assert capsys.readouterr().out == (GOLDEN / "plan-findings.txt").read_text(encoding="utf-8")
    assert plan.to_json()["findings"][0]["fixable"] is False
