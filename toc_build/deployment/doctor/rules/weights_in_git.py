"""Large weights are kept by git-LFS."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from toc_build.deployment.doctor.edits import add_line
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

MOST_BYTES = 20_000_000


def check(subject: Subject) -> Iterator[Found]:
    """Artifacts above a size, tracked or about to be; --fix writes the attribute."""
    if subject.tracked is None:
        return
    large = [
        subject.shown(path)
        for name, path in subject.bundled.items()
        if name.startswith("model/") and path.stat().st_size > MOST_BYTES
    ]
    kept = subject.git_attribute("filter", large) if large else {}
    for name in large:
        if kept.get(name) == "lfs" or (name not in subject.tracked and subject.git_ignores(name)):
            continue
        line = f"{subject.config.model.path}/** filter=lfs diff=lfs merge=lfs -text"
        size = (subject.root / name).stat().st_size / 1e6
        yield Found(
            f"{name} has {size:.0f} MB, and git keeps it whole.",
            name,
            f"install git-lfs, add `{line}` to .gitattributes, then"
            f" `git add --renormalize {subject.config.model.path}`.",
            partial(add_line, subject.root / ".gitattributes", line),
        )


RULE = Rule(
    code="TOC-DOC-701",
    severity=Severity.WARNING,
    looks_for="weights that git tracks without LFS",
    why="Every clone downloads every version of them for ever; GitHub refuses files above 100 MB.",
    check=check,
)
