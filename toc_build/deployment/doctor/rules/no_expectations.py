"""At least one sample says what is expected."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`<stem>.json` beside an image."""
    folder = subject.repository.samples_dir
    if not any(folder.glob("*.json")):
        yield Found(
            f"no image in {subject.config.samples.path}/ has its expected detections beside it.",
            subject.config.samples.path,
            "write <stem>.json beside an image; `toc-build score IMAGE` prints what can be corrected by"
            " hand.",
        )


RULE = Rule(
    code="TOC-DOC-801",
    severity=Severity.WARNING,
    looks_for="samples of which none has expected detections",
    why="Nothing tells a right answer from a wrong one: a broken version would pass its tests and "
    "be put in place.",
    check=check,
)
