"""A container group is of a size that regions offer."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

# Azure documentation, "Resource availability and quota limits for Azure Container Instances": most regions.
MOST_CORES, MOST_MEMORY_GB = 4, 16


def check(subject: Subject) -> Iterator[Found]:
    """`cpu_cores` and `memory_gb` of target `aci`."""
    aci = subject.config.targets.aci
    if aci is None:
        return
    for key, value, most in (
        ("cpu_cores", aci.cpu_cores, MOST_CORES),
        ("memory_gb", aci.memory_gb, MOST_MEMORY_GB),
    ):
        if value > most:
            yield Found(
                f"{key} is {value:g}; most regions offer {most} at most.",
                subject.repository.where("targets", "aci", key),
                f"set {key} to {most}, or see that the region and the subscription offer more.",
            )


RULE = Rule(
    code="TOC-DOC-305",
    severity=Severity.WARNING,
    looks_for="more cores or memory than Azure Container Instances offers in most regions",
    why="Azure refuses it only when the image is built and pushed.",
    check=check,
    target="aci",
)
