"""Shared by the rules about the Azure ML SDK v1: when its support ended, and what follows its targets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

# Azure ML documentation, "Azure Machine Learning SDK v1 deprecation".
END_OF_SUPPORT = date(2026, 6, 30)


def successor_rule(code: str, target: str, way_out: str) -> Rule:
    """The rule that a target deployed by the SDK v1 has a successor.

    Args:
        code: of the rule.
        target: `aci` or `aks`.
        way_out: where the same bundle runs from now on.
    """

    def check(subject: Subject) -> Iterator[Found]:
        if subject.today > END_OF_SUPPORT:
            yield Found(
                f"target {target} is deployed by the Azure ML SDK v1, out of support since"
                f" {END_OF_SUPPORT.isoformat()}.",
                subject.repository.where("targets", target),
                f"plan the way out: the same bundle runs on {way_out}.",
            )

    return Rule(
        code=code,
        severity=Severity.WARNING,
        looks_for=f"a plan for target {target} after the end of SDK v1's support",
        why="Since 2026-06-30 nobody at Azure mends what breaks there, and the service may be switched off.",
        check=check,
        target=target,
        in_plans_only=True,
    )
