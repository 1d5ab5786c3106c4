"""Labels differ by more than case and spaces."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """`model -> labels`."""
    seen: dict[str, str] = {}
    for index, label in enumerate(subject.config.model.labels):
        other = seen.setdefault("".join(label.lower().split()).replace("_", "").replace("-", ""), label)
        if other != label:
            yield Found(
                f"{label!r} and {other!r} differ by case, spaces or hyphens alone.",
                subject.repository.where("model", "labels", index),
                "give one of them a name of its own, or remove it.",
            )


RULE = Rule(
    code="TOC-DOC-804",
    severity=Severity.WARNING,
    looks_for="labels that differ by case or spaces alone",
    why="People and programs take them for one, and count wrongly.",
    check=check,
)
