"""No secret stands in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity
from toc_build.repository import secrets

MOST_BYTES = 200_000
PATTERNS = (
    "*.py",
    "*.yml",
    "*.yaml",
    "*.toml",
    "*.md",
    "tests/*.py",
    "training/*.py",
    ".github/workflows/*.yml",
)


def check(subject: Subject) -> Iterator[Found]:
    """What looks like one, line by line; deploy.yml and conda.yml are read for it already."""
    known = {subject.repository.deploy_path, subject.repository.conda_path}
    places = {path for name, path in subject.bundled.items() if name.startswith("code/")}
    places |= {path for pattern in PATTERNS for path in subject.root.glob(pattern)}
    for path in sorted(places - known):
        for number, line in enumerate(_lines(path), start=1):
            if kind := secrets.looks_like(line):
                yield Found(f"the line holds {kind}.", f"{subject.shown(path)}:{number}", secrets.FIX)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines() if path.stat().st_size < MOST_BYTES else []
    except (OSError, UnicodeDecodeError):
        return []


RULE = Rule(
    code="TOC-DOC-402",
    severity=Severity.ERROR,
    looks_for="secrets in the repository's text files",
    why="Whoever reads the repository, its bundle or its image has the secret; git keeps it for ever.",
    check=check,
)
