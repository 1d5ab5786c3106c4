"""No module of the scoring code has the name of another package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

PACKAGES = frozenset(
    {"cv2", "numpy", "flask", "gunicorn", "tensorflow", "onnxruntime", "PIL", "toc_build", "azureml"}
)


def check(subject: Subject) -> Iterator[Found]:
    """Names of the standard library and of the packages that every scorer has."""
    for code in subject.code:
        path = Path(code.path)
        name = path.parent.name if path.name == "__init__.py" else path.stem
        top = (path.parent if path.name == "__init__.py" else path).parent == Path(
            subject.shown(subject.repository.scoring_dir)
        )
        if top and (name in sys.stdlib_module_names or name in PACKAGES):
            yield Found(
                f"{code.path} has the name of a package that is imported elsewhere.",
                f"{code.path}:1",
                f"rename it, such as to my_{name}.py.",
            )


RULE = Rule(
    code="TOC-DOC-609",
    severity=Severity.ERROR,
    looks_for="modules of the scoring code named like a package that the scorer imports",
    why="One of the two is imported in place of the other, and the scorer does not start.",
    check=check,
)
