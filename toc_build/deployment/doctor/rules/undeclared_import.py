"""Every package that the scoring code imports is locked."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Code, Subject
from toc_build.findings import Severity

# Import name -> what installs it, where the two differ.
DISTRIBUTIONS = {
    "PIL": ("pillow",),
    "absl": ("absl-py",),
    "ai_edge_litert": ("ai-edge-litert",),
    "azureml_inference_server_http": ("azureml-inference-server-http",),
    "azureml": ("azureml-core", "azureml-inference-server-http"),
    "cv2": ("opencv-python-headless", "opencv-contrib-python-headless", "opencv-python"),
    "dateutil": ("python-dateutil",),
    "google": ("protobuf", "google-auth"),
    "inference_schema": ("inference-schema",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pkg_resources": ("setuptools",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "tflite_runtime": ("tflite-runtime",),
    "yaml": ("pyyaml",),
}


def check(subject: Subject) -> Iterator[Found]:
    """Top-level imports of every file, against the lock, the standard library and the scoring code itself."""
    if subject.locked is None:
        return
    own = {Path(item.path).stem for item in subject.code}
    own |= {folder.name for folder in subject.repository.scoring_dir.iterdir() if folder.is_dir()}
    for code in subject.code:
        for name, node in _imports(code):
            names = DISTRIBUTIONS.get(name, (name.replace("_", "-").lower(),))
            known = name in own or name in sys.stdlib_module_names or name == "toc_build"
            if known or any(item in subject.locked for item in names):
                continue
            yield Found(
                f"`{name}` is imported, and {subject.config.environment.lock} has no {names[0]}.",
                code.where(node),
                f"add {names[0]} to {subject.config.environment.conda}, then `nox -s lock`.",
            )


def _imports(code: Code) -> Iterator[tuple[str, ast.AST]]:
    """Top-level names; those inside `try` may be missing on purpose."""
    guarded = {id(inner) for node in code.walk() if isinstance(node, ast.Try) for inner in ast.walk(node)}
    for node in code.walk():
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node


RULE = Rule(
    code="TOC-DOC-505",
    severity=Severity.ERROR,
    looks_for="imports of packages that the lock does not hold",
    why="The scorer does not start: ImportError, in the cloud after a quarter of an hour.",
    check=check,
)
