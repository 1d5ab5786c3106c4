"""A LiteRT interpreter serves one request at a time."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.edits import replace_in_line
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`framework: litert` with `concurrency` above 1."""
    if subject.config.model.framework == "litert" and subject.config.scoring.concurrency > 1:
        where = subject.repository.where("scoring", "concurrency")
        line = subject.repository.source.line(("scoring", "concurrency"))
        old = f"concurrency: {subject.config.scoring.concurrency}"
        yield Found(
            f"{subject.config.scoring.concurrency} requests may be inside the interpreter at once.",
            where,
            "set concurrency to 1, and workers to more for more at a time.",
            lambda: replace_in_line(subject.repository.deploy_path, line, old, "concurrency: 1"),
        )


RULE = Rule(
    code="TOC-DOC-302",
    severity=Severity.ERROR,
    looks_for="more than one request at a time inside a LiteRT interpreter",
    why="Threads that share one interpreter fail up to a fifth of their requests, and mix up answers.",
    check=check,
)
