"""Callers must show a key or token."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from toc_build.deployment.doctor.edits import replace_in_line
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`auth_enabled: false` of `aci`, `auth: none` of `aks`; --fix asks for a key."""
    targets, repository = subject.config.targets, subject.repository
    places = []
    if targets.aci and not targets.aci.auth_enabled:
        places.append(("aci", "auth_enabled", "auth_enabled: false", "auth_enabled: true"))
    if targets.aks and targets.aks.auth == "none":
        places.append(("aks", "auth", "auth: none", "auth: key"))
    for name, key, old, new in places:
        if subject.target not in (None, name):
            continue
        line = repository.source.line(("targets", name, key))
        yield Found(
            f"target {name} answers everybody.",
            repository.where("targets", name, key),
            f"write `{new}`.",
            partial(replace_in_line, repository.deploy_path, line, old, new),
        )


RULE = Rule(
    code="TOC-DOC-401",
    severity=Severity.WARNING,
    looks_for="a scorer in the cloud that asks nobody for a key",
    why="Whoever knows the address uses it, at your cost.",
    check=check,
)
