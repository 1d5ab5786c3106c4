"""Target aci has a successor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

# Azure ML documentation, "Azure Machine Learning SDK v1 deprecation".
END_OF_SUPPORT = date(2026, 6, 30)


def check(subject: Subject) -> Iterator[Found]:
    """The day has come."""
    if subject.today > END_OF_SUPPORT:
        yield Found(
            "target aci is deployed by the Azure ML SDK v1, out of support since"
            f" {END_OF_SUPPORT.isoformat()}.",
            subject.repository.where("targets", "aci"),
            "plan the way out: the same bundle runs on a managed online endpoint.",
        )


RULE = Rule(
    code="TOC-DOC-503",
    severity=Severity.WARNING,
    looks_for="a plan for target aci after the end of SDK v1's support",
    why="Since 2026-06-30 nobody at Azure mends what breaks there, and the service may be switched off.",
    check=check,
    target="aci",
    in_plans_only=True,
)
