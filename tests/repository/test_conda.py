"""conda.yml as people write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repository_files import CONDA

from toc_build.repository.conda import CondaReading, CondaSpec, read_conda


def read(folder: Path, text: str) -> CondaReading:
    (folder / "conda.yml").write_text(text, encoding="utf-8")
    return read_conda(folder / "conda.yml")


def good(folder: Path, text: str) -> CondaSpec:
    reading = read(folder, text)
    assert reading.problems == []
    assert reading.spec
    return reading.spec


def codes(folder: Path, text: str) -> list[str]:
    return [problem.code for problem in read(folder, text).problems]


def test_spec(tmp_path: Path) -> None:
    spec = good(tmp_path, CONDA)
    assert (spec.name, spec.python) == ("river-litter", "3.11")
    assert [item.name for item in spec.requirements] == [
        "azureml-inference-server-http",
        "numpy",
        "opencv-python-headless",
        "tensorflow-cpu",
    ]
    assert spec.source.where(*spec.requirements[1].path).startswith("conda.yml:8 ")


@pytest.mark.parametrize(
    "pin",
    [
        "python=3.11",
        "python==3.11",
        "python=3.11.7",
        "python=3.11.*",
        "python 3.11",
        "conda-forge::python=3.11",
        "python = 3.11",
    ],
)
def test_pins_of_python(tmp_path: Path, pin: str) -> None:
    assert good(tmp_path, CONDA.replace("python=3.11", pin)).python == "3.11"


@pytest.mark.parametrize(
    "pin", ["python>3.10", "python~=3.11", "python=3", "python>=3.11,<3.12", "python!=3.11", "python=3.1"]
)
def test_pins_that_are_none(tmp_path: Path, pin: str) -> None:
    assert codes(tmp_path, CONDA.replace("python=3.11", f'"{pin}"')) == ["TOC-CONDA-021"]


def test_python_twice(tmp_path: Path) -> None:
    assert codes(tmp_path, CONDA.replace("  - pip\n", "  - pip\n  - python=3.12\n")) == ["TOC-CONDA-016"]


def test_second_pip_section(tmp_path: Path) -> None:
    assert codes(tmp_path, CONDA + "  - pip:\n      - rich\n") == ["TOC-CONDA-016"]


def test_names_are_canonical_and_extras_and_markers_stay(tmp_path: Path) -> None:
    spec = good(tmp_path, CONDA + '      - Scikit_Image[data]>=0.2 ; sys_platform == "linux"\n')
    assert spec.requirements[-1].name == "scikit-image"
    assert spec.requirements[-1].text == 'scikit-image[data]>=0.2; sys_platform == "linux"'
    assert spec.requirement("Scikit.Image") is spec.requirements[-1]


def test_same_package_for_different_systems(tmp_path: Path) -> None:
    one = "      - rich>=13 ; sys_platform == 'linux'\n"
    assert good(tmp_path, CONDA + one + one.replace("linux", "darwin"))
    assert codes(tmp_path, CONDA + one + one) == ["TOC-CONDA-016"]


def test_unpinned_requirement_is_fine_for_the_lock_pins_it(tmp_path: Path) -> None:
    assert good(tmp_path, CONDA + "      - rich\n").requirements[-1].text == "rich"


def test_variables_are_conda_s_own(tmp_path: Path) -> None:
    assert good(tmp_path, CONDA + "variables:\n  TF_CPP_MIN_LOG_LEVEL: '2'\n")


@pytest.mark.parametrize(
    ("package", "remedy"),
    [
        ("numpy=1.26", "`- numpy`"),
        ("opencv", "opencv-python-headless"),
        ("conda-forge::opencv=4.9", "opencv-python-headless"),
        ("cudatoolkit=11.8", "tensorflow[and-cuda]"),
        ("libgl", "remove it"),
        ("gdal", "must come with the image"),
    ],
)
def test_conda_packages_are_named_with_what_to_do(tmp_path: Path, package: str, remedy: str) -> None:
    problems = read(tmp_path, CONDA.replace("  - pip\n", f"  - pip\n  - {package}\n")).problems
    assert [problem.code for problem in problems] == ["TOC-CONDA-015"]
    assert remedy in (problems[0].fix or "")


def test_empty_pip_line(tmp_path: Path) -> None:
    assert codes(tmp_path, CONDA + "      -\n") == ["TOC-CONDA-012"]
    assert codes(tmp_path, CONDA + "      - ''\n") == ["TOC-CONDA-022"]
