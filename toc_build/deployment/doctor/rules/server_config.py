"""No config.json lies beside the scoring script."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """In the folder of the scoring script itself."""
    path = subject.repository.scoring_dir / "config.json"
    if path.is_file():
        yield Found(
            f"{subject.shown(path)} would be read by the server as its own.",
            subject.shown(path),
            "give it another name, such as settings.json.",
        )


RULE = Rule(
    code="TOC-DOC-608",
    severity=Severity.ERROR,
    looks_for="a config.json beside the scoring script",
    why="The Azure ML server reads a config.json in its application's folder as its own "
    "configuration, and does not start.",
    check=check,
)
