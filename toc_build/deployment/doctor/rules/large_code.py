"""The scoring code is code."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

MOST_BYTES = 5_000_000


def check(subject: Subject) -> Iterator[Found]:
    """Files above a size below the scoring script's folder."""
    for name, path in subject.bundled.items():
        if name.startswith("code/") and path.suffix != ".py" and path.stat().st_size > MOST_BYTES:
            shown = subject.shown(path) if path.is_relative_to(subject.root) else str(path)
            yield Found(
                f"{shown} has {path.stat().st_size / 1e6:.0f} MB.",
                shown,
                f"move it into {subject.config.model.path}/, or name it in .amlignore.",
            )


RULE = Rule(
    code="TOC-DOC-702",
    severity=Severity.WARNING,
    looks_for="large files among the scoring code",
    why="They are uploaded and unpacked with every deploy; weights belong into the model folder, "
    "which is kept by its hash.",
    check=check,
)
