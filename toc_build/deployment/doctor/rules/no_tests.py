"""The repository has tests of its own."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """A function `test_...` in tests/."""
    folder = subject.root / "tests"
    files = [*folder.rglob("test_*.py"), *folder.rglob("*_test.py")] if folder.is_dir() else []
    if not any("def test_" in path.read_text(encoding="utf-8", errors="replace") for path in files):
        yield Found("tests/ holds no test.", "tests", "write one that runs the detector on a sample.")


RULE = Rule(
    code="TOC-DOC-803",
    severity=Severity.WARNING,
    looks_for="a repository without a test of its own",
    why="A change of the detector is tried out by the callers.",
    check=check,
)
