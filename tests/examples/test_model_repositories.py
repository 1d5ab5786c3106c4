"""Every example is a whole model repository, reads without a fault, and can be cloned anywhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from toc_build.contract.samples import load_samples
from toc_build.repository import Repository, load
from toc_build.repository.json_schema import json_schema_text

ROOT = Path(__file__).parent.parent.parent
NAMES = ["bright-blob", "river-litter", "street-objects"]
PICTURES = {".jpg", ".jpeg", ".png"}


def committed(folder: Path) -> list[Path]:
    """The files that git has, or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return [folder / name for name in listed.split("\0") if name and (folder / name).is_file()]


def load_example(folder: Path) -> Repository:
    """The example, whose weights may be fetched by a step of its own and so be missing here."""
    return load(folder, check_folder=not (folder / "training" / "fetch_weights.py").is_file())


def test_every_example_is_tested_here(examples):
    assert sorted(path.parent.name for path in examples.glob("*/deploy.yml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_read_without_a_fault(examples, name):
    repository = load_example(examples / name)

    assert repository.name == name
    assert repository.script.is_file()
    assert (examples / name / "README.md").is_file()
    assert list((examples / name / "tests").glob("test_*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_samples_hold_declared_labels_inside_their_pictures(examples, name):
    labels = load_example(examples / name).config.model.labels

    samples = load_samples(examples / name / "samples", labels=labels)

    assert len(samples) >= 3
    assert all(sample.expected is not None for sample in samples)
    assert sum(len(sample.expected) for sample in samples) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_files_are_small(examples, name):
    for path in committed(examples / name):
        limit = 150_000 if path.suffix in PICTURES else 3_000_000
        assert path.stat().st_size < limit, path


@pytest.mark.parametrize("name", NAMES)
def test_nothing_names_a_machine(examples, name):
    for path in committed(examples / name):
        assert path.name != ".cruft.json"
        text = path.read_bytes().decode("utf-8", "ignore")
        assert not re.search(r"file://|/home/\w|/Users/\w|/work/", text), path
        assert str(ROOT) not in text, path


@pytest.mark.parametrize("name", NAMES)
def test_the_sessions_are_those_of_this_checkout(examples, name):
    text = (examples / name / "noxfile.py").read_text(encoding="utf-8")

    assert "from toc_build.sessions import *" in text
    assert "/// script" not in text


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_for_editors_is_the_present_one(examples, name):
    assert (examples / name / ".schema" / "deploy.json").read_text(encoding="utf-8") == json_schema_text()


def test_river_litter_says_what_was_measured(examples):
    """The README's figures are those of the evaluation that is committed beside the model."""
    import json

    figures = json.loads((examples / "river-litter/training/evaluation.json").read_text(encoding="utf-8"))
    readme = (examples / "river-litter/README.md").read_text(encoding="utf-8")
    card = (examples / "river-litter/training/MODEL_CARD.md").read_text(encoding="utf-8")

    assert figures["map50"] >= 0.8
    for text in (readme, card):
        assert "synthetic" in text
        assert f"{figures['map50']:.3f}" in text
        assert f"{figures['map50_95']:.3f}" in text


def test_street_objects_fetches_its_weights_and_commits_none(examples):
    names = {path.relative_to(examples).as_posix() for path in committed(examples / "street-objects")}

    assert "street-objects/training/fetch_weights.py" in names
    assert not any("saved_model" in name for name in names)


def test_street_objects_names_the_terms_of_every_photograph(examples):
    readme = (examples / "street-objects/README.md").read_text(encoding="utf-8")

    for picture in (examples / "street-objects/samples").glob("*.jpg"):
        assert f"`{picture.name}`" in readme
