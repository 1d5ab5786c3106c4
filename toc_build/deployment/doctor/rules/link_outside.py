"""Links stay inside the repository."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Below the scoring code and the model."""
    inside = subject.root.resolve()
    for folder in (subject.repository.scoring_dir, subject.repository.model_dir):
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                yield Found(
                    f"{subject.shown(path)} is a link to {path.readlink()}.",
                    subject.shown(path),
                    "copy the file in place of the link.",
                )


RULE = Rule(
    code="TOC-DOC-703",
    severity=Severity.WARNING,
    looks_for="links that lead out of the repository",
    why="Another machine has another file there, or none: the digest differs, or the bundle cannot be made.",
    check=check,
)
