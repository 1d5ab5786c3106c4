"""The scoring code does not depend on where a target mounts the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Texts that name Azure ML's own folder."""
    for code in subject.code:
        for node in code.walk():
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and "azureml-models" in node.value
            ):
                yield Found(
                    f"{node.value!r} is a path inside Azure ML's own folder.",
                    code.where(node),
                    "ask `model_path(...)`, with the path relative to the model folder.",
                )


RULE = Rule(
    code="TOC-DOC-606",
    severity=Severity.WARNING,
    looks_for="paths with azureml-models or a version in the scoring code",
    why="The folder's layout differs between targets and between deploys: the model is found once, "
    "and not the next time.",
    check=check,
)
