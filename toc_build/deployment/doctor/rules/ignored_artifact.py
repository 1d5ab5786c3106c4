"""No artifact is left out of the bundle by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

WEIGHTS = frozenset({".pb", ".h5", ".keras", ".tflite", ".onnx", ".ort", ".index", ".npz"})


def check(subject: Subject) -> Iterator[Found]:
    """Files of the model folder with a framework's own suffix that the bundle does not hold."""
    held = set(subject.bundled.values())
    if not held:
        return
    for path in sorted(subject.repository.model_dir.rglob("*")):
        if path.is_file() and path.suffix.lower() in WEIGHTS and path not in held:
            yield Found(
                f"{subject.shown(path)} is left out of the bundle.",
                ".amlignore",
                "take its pattern out of .amlignore, or move the file out of the model folder.",
            )


RULE = Rule(
    code="TOC-DOC-806",
    severity=Severity.ERROR,
    looks_for="weights that .amlignore leaves out of the bundle",
    why="The first deploy works on this machine, and the model is missing everywhere else.",
    check=check,
)
