"""No two files differ by the case of letters alone."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """All files of the bundle."""
    seen: dict[str, str] = {}
    for name, path in sorted(subject.bundled.items()):
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield Found(
                f"{name} and {other} differ by case alone.", subject.shown(path), "rename one of them."
            )


RULE = Rule(
    code="TOC-DOC-704",
    severity=Severity.ERROR,
    looks_for="files of the bundle whose names differ by case alone",
    why="A machine that does not tell cases apart (macOS, Windows) has only one of them.",
    check=check,
)
