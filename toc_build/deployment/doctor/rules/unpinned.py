"""Every requirement has a floor and a ceiling, or is exact."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from toc_build.deployment.doctor.edits import replace_in_line
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Lines of the pip section without a version; --fix writes the locked one as the floor."""
    conda = subject.repository.conda
    for item in conda.requirements:
        if item.parsed.specifier:
            continue
        version = (subject.locked or {}).get(item.name)
        line = conda.source.line(item.path)
        bound = f"{item.text}>={version}" if version else f"{item.text}>=1.2,<2"
        yield Found(
            f"{item.text} stands without a version.",
            conda.source.where(*item.path),
            f"write `{bound}`, then `nox -s lock`.",
            partial(replace_in_line, subject.repository.conda_path, line, item.text, bound)
            if version
            else None,
        )


RULE = Rule(
    code="TOC-DOC-501",
    severity=Severity.WARNING,
    looks_for="requirements of conda.yml without any bound",
    why="Azure ML's own image build resolves conda.yml anew: a release of next month breaks a "
    "deploy that worked.",
    check=check,
)
