"""No file of secrets is in the bundle."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from toc_build.bundle.sources import IGNORE_FILE
from toc_build.deployment.doctor.edits import add_line
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

NAMES = frozenset({".env", "id_rsa", "id_ed25519", "credentials.json", ".netrc", ".pypirc"})
SUFFIXES = frozenset({".key", ".pfx", ".p12"})


def check(subject: Subject) -> Iterator[Found]:
    """By name, below the scoring code and the model; --fix names it in .amlignore."""
    for path in sorted(subject.bundled.values()):
        if path.name.lower() in NAMES or path.suffix.lower() in SUFFIXES:
            shown = subject.shown(path)
            yield Found(
                f"{shown} would be in the bundle.",
                shown,
                f"keep it elsewhere, or name it in {IGNORE_FILE}.",
                partial(add_line, subject.root / IGNORE_FILE, shown),
            )


RULE = Rule(
    code="TOC-DOC-403",
    severity=Severity.ERROR,
    looks_for="files of secrets (.env, keys) that would be in the bundle",
    why="The bundle becomes an image, and whoever may pull that has the secret.",
    check=check,
)
