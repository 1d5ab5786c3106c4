"""Packages and target agree on GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.findings import Severity

CPU_ONLY = {"tensorflow-cpu": "tensorflow[and-cuda]", "onnxruntime": "onnxruntime-gpu"}


def check(subject: Subject) -> Iterator[Found]:
    """The framework's package against `gpu_cores` of target `aks`."""
    if subject.aks is None:
        return
    conda, gpus = subject.repository.conda, subject.aks.gpu_cores
    for item in conda.requirements:
        wants = item.name.endswith("-gpu") or "and-cuda" in item.parsed.extras
        shuns = item.name in CPU_ONLY
        if wants and not gpus:
            what, fix = (
                "is made for GPUs, and gpu_cores is 0.",
                "set gpu_cores to 1, or take the CPU package.",
            )
        elif shuns and gpus:
            what, fix = f"uses no GPU, and gpu_cores is {gpus}.", f"take {CPU_ONLY[item.name]}."
        else:
            continue
        yield Found(f"{item.name} {what}", conda.source.where(*item.path), fix)


RULE = Rule(
    code="TOC-DOC-506",
    severity=Severity.WARNING,
    looks_for="a package for GPUs on a target without, or the other way round",
    why="Half a gigabyte for nothing, or a GPU that is paid for and stands idle.",
    check=check,
    target="aks",
)
