"""Every artifact that the scoring code asks for is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Calls of `model_path` with texts."""
    folder = subject.repository.model_dir
    for code in subject.code:
        for node in code.walk():
            if not isinstance(node, ast.Call) or getattr(node.func, "id", None) != "model_path":
                continue
            parts = [part.value for part in node.args if isinstance(part, ast.Constant)]
            if len(parts) != len(node.args) or not all(isinstance(part, str) for part in parts):
                continue
            wanted = "/".join(str(part) for part in parts)
            if not wanted or (folder / wanted).exists():
                continue
            there = sorted(
                path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
            )
            yield Found(
                f"{wanted} is not in {subject.config.model.path}/;"
                f" there: {', '.join(there[:5]) or 'nothing'}.",
                code.where(node),
                "name what is there, or copy the file there.",
            )


RULE = Rule(
    code="TOC-DOC-607",
    severity=Severity.ERROR,
    looks_for="model_path() of a file that is not in the model folder",
    why="init() raises: the file is found neither here nor in the container.",
    check=check,
)
