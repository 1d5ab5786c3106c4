"""The scoring environment has no SDK v1."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

NAMES = frozenset({"azureml-core", "azureml-sdk", "azureml-pipeline", "azureml-interpret"})
PREFIXES = ("azureml-contrib-", "azureml-train-", "azureml-automl-", "azureml-pipeline-")


def check(subject: Subject) -> Iterator[Found]:
    """azureml-core and its family; azureml-defaults is what Azure ML's own image build asks for."""
    conda = subject.repository.conda
    for item in conda.requirements:
        if item.name in NAMES or item.name.startswith(PREFIXES):
            yield Found(
                f"{item.name} belongs to the Azure ML SDK v1, which a scorer does not need.",
                conda.source.where(*item.path),
                "remove it; azureml-inference-server-http is all that a scorer needs, and"
                " `from toc_build.runtime import model_path` finds the artifacts.",
            )


RULE = Rule(
    code="TOC-DOC-502",
    severity=Severity.WARNING,
    looks_for="packages of the Azure ML SDK v1 in the scoring environment",
    why="SDK v1 is out of support since 2026-06-30, and its pins hold back security fixes of other packages.",
    check=check,
)
