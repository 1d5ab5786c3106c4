"""The region is one of Azure's."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity
from toc_build.targets.azure.vm_sizes import regions


def check(subject: Subject) -> Iterator[Found]:
    """`location` of the workspace and of target `aci`; a ${VARIABLE} is not looked up."""
    aci = subject.config.targets.aci
    places: list[tuple[tuple[str, ...], str | None]] = [
        (("azure", "location"), subject.config.azure.location),
        (("targets", "aci", "location"), aci.location if aci else None),
    ]
    for keys, region in places:
        if region is None or "$" in region or region in regions():
            continue
        near = difflib.get_close_matches(region, regions(), n=1)
        yield Found(
            f"{region} is no region of Azure that toc-build knows.",
            subject.repository.where(*keys),
            f"write {near[0]}." if near else "see `az account list-locations`.",
        )


RULE = Rule(
    code="TOC-DOC-111",
    severity=Severity.WARNING,
    looks_for="a region that Azure does not have",
    why="Every request to a region that does not exist fails, after the image was built.",
    check=check,
)
