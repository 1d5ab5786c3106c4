"""`Reference`: pruning that changes an answer is refused; where nothing can run here, that is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.targets_bundles import make_bundle

from toc_build.bundle import Bundle, Manifest
from toc_build.errors import ImageError
from toc_build.image import reference as module
from toc_build.image.reference import Reference

SCORER = """
import json
from flask import Response
import helper

def init(): ...

def run(request):
    data = request.get_data()
    return Response(json.dumps({"size": len(data), "score": helper.score(data)}), 200)
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of packages that the scorer needs: its helper, and the server's by a link to this Python's."""
    import flask

    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "helper.py").write_text("def score(data): return 0.5\n")
    (folder / "server.pth").write_text(str(Path(flask.__file__).parents[1]) + "\n")
    return folder


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reference:
    made = make_bundle(tmp_path / "bundle", source=SCORER)
    manifest = Manifest.of(
        (), service="s", model="m", framework="custom", python="3.11", entry_script="score.py"
    )
    sample = tmp_path / "sample.png"
    sample.write_bytes(b"12345")
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.machine, "machine", lambda: "x86_64")
    return Reference(Bundle(made.root, manifest), (sample,), Path(sys.executable), "linux/amd64")


def test_the_same_answers_pass(reference: Reference, packages: Path) -> None:
    before = reference.score(packages, lambda _line: None)

    assert before == [[200, {"size": 5, "score": 0.5}]]
    reference.compare(before, packages)


def test_the_last_digits_of_a_number_may_change(reference: Reference, packages: Path) -> None:
    before = reference.score(packages, lambda _line: None)
    (packages / "helper.py").write_text("def score(data): return 0.50001\n")

    reference.compare(before, packages)


@pytest.mark.parametrize(
    ("helper", "says"),
    [
        ("def score(data): return 0.6\n", "answers to the samples change"),
        ("def score(data): return None\n", "answers to the samples change"),
        ("import gone\n", "does not start"),
    ],
)
def test_a_changed_answer_is_refused(reference: Reference, packages: Path, helper: str, says: str) -> None:
    before = reference.score(packages, lambda _line: None)
    (packages / "helper.py").write_text(helper)

    with pytest.raises(ImageError) as caught:
        reference.compare(before, packages)

    assert caught.value.code == "TOC-IMAGE-011"
    assert says in str(caught.value)
    assert "prune: false" in str(caught.value)


def test_a_scorer_that_never_ran_here_is_not_compared(reference: Reference, packages: Path) -> None:
    (packages / "helper.py").write_text("raise RuntimeError('needs a GPU')\n")
    told: list[str] = []

    before = reference.score(packages, told.append)

    assert before is None
    assert "no reference score" in told[-1]
    assert "needs a GPU" in told[-1]
    reference.compare(before, packages)


def test_another_processor_cannot_be_scored_for(reference: Reference, packages: Path) -> None:
    from dataclasses import replace

    told: list[str] = []

    assert replace(reference, platform="linux/arm64").score(packages, told.append) is None
    assert told == ["no reference score: this machine cannot run linux/arm64"]


def test_without_samples_there_is_nothing_to_score(reference: Reference, packages: Path) -> None:
    from dataclasses import replace

    told: list[str] = []

    assert replace(reference, samples=()).score(packages, told.append) is None
    assert told == ["no reference score: the repository has no samples"]
