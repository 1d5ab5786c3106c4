"""Packages that must, or must not, stand together."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.repository.conda import read_conda
from toc_build.repository.conda_rules import package_problems

BASE = ("azureml-inference-server-http>=1.5,<2", "numpy>=1.26,<2.3.3", "opencv-python-headless>=4.10")


def codes(folder: Path, *requirements: str, framework: str | None = "custom") -> list[str]:
    lines = "".join(f'      - "{item}"\n' for item in requirements)
    text = f"name: a\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n{lines}"
    (folder / "conda.yml").write_text(text, encoding="utf-8")
    reading = read_conda(folder / "conda.yml")
    assert reading.spec
    assert reading.problems == []
    return [problem.code for problem in package_problems(reading.spec, framework, reading.mentioned)]


def test_base_is_in_order(tmp_path: Path) -> None:
    assert codes(tmp_path, *BASE) == []


@pytest.mark.parametrize(
    ("defaults", "numpy", "trapped"),
    [
        ("azureml-defaults", "numpy", True),
        ("azureml-defaults", "numpy>=1.26", True),
        ("azureml-defaults", "numpy>=2.3.3", True),
        ("azureml-defaults", "numpy>=1.26,<3", True),
        ("azureml-defaults>=1.50", "numpy", True),
        ("azureml-defaults<2", "numpy", True),
        ("azureml-defaults==1.*", "numpy", True),
        ("azureml-defaults", "numpy<2.3.3", False),
        ("azureml-defaults", "numpy==1.26.4", False),
        ("azureml-defaults>=1.62", "numpy", False),
        ("azureml-defaults>=1.62.0", "numpy>=1.26,<2.3.3", False),
        ("azureml-defaults~=1.62", "numpy", False),
        ("azureml-defaults==1.62.*", "numpy", False),
        ("azureml-defaults==1.58.0", "numpy", False),
    ],
)
def test_numpy_trap(tmp_path: Path, defaults: str, numpy: str, trapped: bool) -> None:
    assert codes(tmp_path, defaults, numpy, BASE[2]) == (["TOC-CONDA-034"] if trapped else [])


@pytest.mark.parametrize(
    ("framework", "package"),
    [
        ("tensorflow", "tensorflow-cpu"),
        ("tensorflow", "tensorflow[and-cuda]"),
        ("litert", "ai-edge-litert"),
        ("litert", "tensorflow"),
        ("onnxruntime", "onnxruntime"),
        ("onnxruntime", "onnxruntime-gpu"),
    ],
)
def test_framework(tmp_path: Path, framework: str, package: str) -> None:
    assert codes(tmp_path, *BASE, framework=framework) == ["TOC-CONDA-035"]
    assert codes(tmp_path, *BASE, package, framework=framework) == []


def test_framework_unknown_because_deploy_yml_is_wrong(tmp_path: Path) -> None:
    assert codes(tmp_path, *BASE, framework=None) == []


@pytest.mark.parametrize("opencv", ["opencv-python", "opencv-contrib-python"])
def test_opencv_with_windows(tmp_path: Path, opencv: str) -> None:
    assert codes(tmp_path, *BASE[:2], opencv) == ["TOC-CONDA-032"]
    assert codes(tmp_path, *BASE, opencv) == ["TOC-CONDA-032"]


def test_contrib_opencv_is_enough(tmp_path: Path) -> None:
    assert codes(tmp_path, *BASE[:2], "opencv-contrib-python-headless") == []


@pytest.mark.parametrize(
    "rivals",
    [("onnxruntime", "onnxruntime-gpu"), ("tensorflow", "tensorflow-cpu"), ("tensorflow", "tensorflow-gpu")],
)
def test_rivals(tmp_path: Path, rivals: tuple[str, str]) -> None:
    assert codes(tmp_path, *BASE, *rivals) == ["TOC-CONDA-033"]


def test_empty_pip_section_lacks_everything(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text(
        "name: a\ndependencies:\n  - python=3.11\n  - pip: []\n", encoding="utf-8"
    )
    spec = read_conda(tmp_path / "conda.yml").spec
    assert spec
    found = [problem.code for problem in package_problems(spec, "litert")]
    assert found == ["TOC-CONDA-030", "TOC-CONDA-031", "TOC-CONDA-031", "TOC-CONDA-035"]
