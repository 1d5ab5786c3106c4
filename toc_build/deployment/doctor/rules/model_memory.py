"""The model fits into memory, once for each worker."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

LOADED = 2  # weights are read, and then laid out once more by the framework
BASE_BYTES = 0.4e9  # Python, server, framework and one image


def check(subject: Subject) -> Iterator[Found]:
    """Artifacts, loaded, for each worker, against the memory of each target in the cloud."""
    workers = subject.config.scoring.workers
    needed = (subject.artifact_bytes * LOADED * workers + BASE_BYTES) / 1e9
    targets = subject.config.targets
    for name, section in (("aci", targets.aci), ("aks", targets.aks)):
        if section is None or subject.target not in (None, name):
            continue
        memory = section.memory_gb
        if subject.artifact_bytes > 50e6 and memory < needed:
            yield Found(
                f"{workers} x a model of {subject.artifact_bytes / 1e9:.2f} GB needs about {needed:.1f} GB;"
                f" target {name} has {memory:g}.",
                subject.repository.where("targets", name, "memory_gb"),
                f"set memory_gb to {needed + 0.5:.0f} or more, or take fewer workers.",
            )


RULE = Rule(
    code="TOC-DOC-303",
    severity=Severity.WARNING,
    looks_for="less memory than the model takes",
    why="A container that asks for more memory than it has is ended (exit 137), often only under load.",
    check=check,
)
