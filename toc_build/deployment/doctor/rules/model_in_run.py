"""The model is loaded once, in init()."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

LOADERS = frozenset(
    {"load_model", "InferenceSession", "Interpreter", "readNet", "readNetFromONNX", "readNetFromTensorflow"}
)


def check(subject: Subject) -> Iterator[Found]:
    """Calls of the frameworks' loaders inside run() or predict()."""
    for code in subject.code:
        for function in code.walk():
            if not isinstance(function, ast.FunctionDef) or function.name not in {"run", "predict"}:
                continue
            for node in ast.walk(function):
                name = _called(node)
                if name in LOADERS:
                    yield Found(
                        f"{function.name}() calls {name}(), which loads the model.",
                        code.where(node),
                        "load it in init(), or where the detector is made, and keep it.",
                    )


def _called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)


RULE = Rule(
    code="TOC-DOC-603",
    severity=Severity.WARNING,
    looks_for="a model that is loaded for every request",
    why="Every answer takes as long as a start, and memory runs out under load.",
    check=check,
)
