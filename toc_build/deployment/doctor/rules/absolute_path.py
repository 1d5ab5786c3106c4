"""The scoring code names no path of this machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

PATH = re.compile(r"(?:/home/|/Users/|/mnt/|/media/|~/|[A-Za-z]:[\\/])\S")


def check(subject: Subject) -> Iterator[Found]:
    """Texts that begin like a home folder, a drive or a mount."""
    for code in subject.code:
        for node in code.walk():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and PATH.match(node.value):
                yield Found(
                    f"{node.value!r} is a path of one machine.",
                    code.where(node),
                    "put the file into the model folder and ask `model_path(...)` for it.",
                )


RULE = Rule(
    code="TOC-DOC-604",
    severity=Severity.ERROR,
    looks_for="paths of one machine in the scoring code",
    why="It works here and nowhere else: there is no such folder in the container.",
    check=check,
)
