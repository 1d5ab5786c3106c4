"""Environments of definitions: a fitting lock is taken, anything else is resolved once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.repository_wheels import offline

from toc_build.paths import cache_dir
from toc_build.rehearsal.domain.records import EnvironmentDefinition
from toc_build.rehearsal.scorers.environment import build_environment
from toc_build.rehearsal.scorers.failures import BuildFailed

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of uv that the tests share."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def index(tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of small wheels, the only one that uv knows."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return offline(monkeypatch, tmp_path, uv_cache)


def build(definition: EnvironmentDefinition, code: Path) -> tuple[Path, list[str]]:
    lines: list[str] = []
    code.mkdir(exist_ok=True)
    try:
        return build_environment(definition, code, lines.append).python, lines
    except BuildFailed:
        pytest.fail("\n".join(lines))


def installed(python: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in python.parents[1].glob("lib/*/site-packages/*.dist-info")}


def test_a_definition_is_resolved_once(index: Path, tmp_path: Path) -> None:
    definition = EnvironmentDefinition(
        python=f"{PYTHON}.4", requirements=["azureml-inference-server-http>=1.5,<2"]
    )
    python, lines = build(definition, tmp_path / "code")
    assert installed(python) == {"azureml_inference_server_http", "numpy"}
    assert any(line.startswith("Resolving") for line in lines)
    again, lines = build(definition, tmp_path / "code")
    assert again == python
    assert not any(line.startswith("Resolving") for line in lines)


def test_options_are_left_out_and_never_shown_whole(index: Path, tmp_path: Path) -> None:
    requirements = ["--extra-index-url https://user:secret@company/simple", "numpy==2.3.1"]
    python, lines = build(EnvironmentDefinition(python=PYTHON, requirements=requirements), tmp_path / "code")
    assert installed(python) == {"numpy"}
    assert "secret" not in "\n".join(lines)
    assert "The option --extra-index-url is left out" in "\n".join(lines)


def test_what_conda_is_asked_for_comes_from_the_index(index: Path, tmp_path: Path) -> None:
    definition = EnvironmentDefinition(
        python=PYTHON, conda_packages=["conda-forge::numpy=2.3", "pip=23"], server=True
    )
    python, lines = build(definition, tmp_path / "code")
    assert installed(python) == {"azureml_inference_server_http", "numpy"}
    assert "conda-forge::numpy=2.3 is asked of conda" in "\n".join(lines)


def test_an_uploaded_lock_that_fits_is_taken(index: Path, tmp_path: Path) -> None:
    definition = EnvironmentDefinition(python=PYTHON, requirements=["numpy>=2.3,<2.3.2"])
    first, _ = build(definition, tmp_path / "code")
    (resolved,) = (cache_dir() / "rehearsal" / "locks").glob("*/requirements.lock")
    code = tmp_path / "other"
    (code / "source").mkdir(parents=True)
    from toc_build.environment.lock_file import _body_hash

    body = resolved.read_text()
    lock = code / "source" / "requirements.lock"
    lock.write_text(f"# pins: sha256:{_body_hash(body)}\n{body}")
    wider = EnvironmentDefinition(python=PYTHON, requirements=["numpy>=2.3"])
    python, lines = build(wider, code)
    assert python == first
    assert "source/requirements.lock fits the definition" in "\n".join(lines)
    other = EnvironmentDefinition(python=PYTHON, requirements=["numpy>=2.3.2,<2.4"])
    python, lines = build(other, code)
    assert python != first
    assert "does not fit the definition: numpy" in "\n".join(lines)


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        (EnvironmentDefinition(python="2.7"), "'2.7'"),
        (EnvironmentDefinition(), "names no Python"),
        (EnvironmentDefinition(python=PYTHON, requirements=["numpy==0.0.1"]), "numpy==0.0.1"),
        (EnvironmentDefinition(python=PYTHON, requirements=["nothing-of-the-kind"]), "nothing-of-the-kind"),
    ],
)
def test_what_cannot_be_built_is_in_the_log(
    index: Path, tmp_path: Path, definition: EnvironmentDefinition, told: str
) -> None:
    lines: list[str] = []
    with pytest.raises(BuildFailed):
        build_environment(definition, tmp_path, lines.append)
    assert told in "\n".join(lines)
