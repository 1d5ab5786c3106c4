"""There is a core for every worker."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`scoring -> workers` against the cores of each target in the cloud."""
    workers = subject.config.scoring.workers
    targets = subject.config.targets
    for name, section in (("aci", targets.aci), ("aks", targets.aks)):
        if section is None or subject.target not in (None, name) or workers <= max(1.0, section.cpu_cores):
            continue
        yield Found(
            f"{workers} workers share {section.cpu_cores:g} cores on target {name}.",
            subject.repository.where("targets", name, "cpu_cores"),
            f"set cpu_cores to {workers}, or scoring -> workers to {max(1, int(section.cpu_cores))}.",
        )


RULE = Rule(
    code="TOC-DOC-301",
    severity=Severity.WARNING,
    looks_for="more workers than cores",
    why="Workers that share a core slow one another down, and each holds the model in memory.",
    check=check,
)
