"""The scoring code does not call the Azure ML SDK."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

WAYS = {
    "core": "find artifacts with `from toc_build.runtime import model_path`.",
    "contrib": "import rawhttp and AMLResponse from azureml_inference_server_http.api, as the template does.",
}


def check(subject: Subject) -> Iterator[Found]:
    """`import azureml.core`, `from azureml.contrib.services import ...`, wherever they stand."""
    for code in subject.code:
        for node in code.walk():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                if name.startswith("azureml."):
                    yield Found(
                        f"{name} is imported.", code.where(node), WAYS.get(name.split(".")[1], WAYS["core"])
                    )


RULE = Rule(
    code="TOC-DOC-605",
    severity=Severity.ERROR,
    looks_for="imports of azureml.core or azureml.contrib in the scoring code",
    why="The package is not in the scoring environment, and a scorer that asks the workspace for "
    "its model does not start without it.",
    check=check,
)
