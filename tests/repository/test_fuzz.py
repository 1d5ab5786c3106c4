"""Whatever stands in the two files, loading them ends with a repository or with words for the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO
from support.repository_files import CONDA, DEPLOY, write_repository

from toc_build.errors import UserError
from toc_build.repository import load
from toc_build.repository.problems import keys_of
from toc_build.repository.schema import DeployConfig
from toc_build.repository.target_schema import AciTarget, AksTarget, LocalTarget

FILES = st.sampled_from(["deploy.yml", "conda.yml"])
KEYS = st.sampled_from(
    [key for section in (DeployConfig, AksTarget, AciTarget, LocalTarget) for key in keys_of(section)]
    + ["name", "path", "labels", "dependencies", "pip", "python", "framework", "script"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["no", "${A}", "${", "$A", "python=3.11", "numpy>=1", "-e .", "a b", "\x00", "tensorflow", "../x"]
    )
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
fuzz = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_repository(tmp_path)


def must_end_well(folder: Path, name: str, content: bytes) -> None:
    for file, good in (("deploy.yml", DEPLOY), ("conda.yml", CONDA)):
        (folder / file).write_bytes(content if file == name else good.encode())
    try:
        load(folder)
    except UserError as error:
        problems = error.problems
    else:
        return
    assert problems
    for problem in problems:
        assert problem.code.startswith("TOC-")
        assert problem.what
        assert problem.fix
        assert problem.where


@fuzz
@given(name=FILES, content=st.binary(max_size=200))
def test_any_bytes(folder: Path, name: str, content: bytes) -> None:
    must_end_well(folder, name, content)


@fuzz
@given(name=FILES, content=st.text(alphabet="abc:-[]{}&*!|>'\"%@`#,? \t\n0.~<=$", max_size=60))
def test_text_of_yaml_signs(folder: Path, name: str, content: str) -> None:
    must_end_well(folder, name, content.encode())


@fuzz
@given(name=FILES, value=st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_structure(folder: Path, name: str, value: dict[str, Any]) -> None:
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.dump(value, stream)
    must_end_well(folder, name, stream.getvalue().encode("utf-8", "surrogatepass"))


@fuzz
@given(data=st.data(), value=VALUES, name=FILES)
def test_good_file_with_one_value_changed(folder: Path, data: st.DataObject, value: Any, name: str) -> None:
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(DEPLOY if name == "deploy.yml" else CONDA)
    place = content
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            place[key] = value
            break
        place = place[key]
    stream = StringIO()
    yaml.dump(content, stream)
    must_end_well(folder, name, stream.getvalue().encode("utf-8", "surrogatepass"))


@fuzz
@given(name=FILES, data=st.data())
def test_good_file_with_a_piece_cut_out_or_doubled(folder: Path, name: str, data: st.DataObject) -> None:
    text = DEPLOY if name == "deploy.yml" else CONDA
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    middle = data.draw(st.sampled_from(["", text[start:end] * 2, "\t", ": ", "- ", "'", "\n"]))
    must_end_well(folder, name, (text[:start] + middle + text[end:]).encode())
