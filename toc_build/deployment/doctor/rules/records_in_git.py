"""Records and caches stay out of git."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from toc_build.deployment.doctor.edits import add_line
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`.toc/` in a git repository; --fix adds it to .gitignore."""
    if subject.tracked is not None and not subject.git_ignores(".toc/x"):
        yield Found(
            "git does not ignore .toc/.",
            ".gitignore",
            "add `.toc/` to .gitignore.",
            partial(add_line, subject.root / ".gitignore", ".toc/"),
        )


RULE = Rule(
    code="TOC-DOC-404",
    severity=Severity.WARNING,
    looks_for=".toc/ not ignored by git",
    why="Two clones that deploy would overwrite each other's record, and every deploy makes the "
    "revision `+changes`.",
    check=check,
)
