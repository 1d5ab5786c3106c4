"""Each example is what it says: linted, its own tests and the contract passed, its samples answered."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.shell import Run

pytestmark = pytest.mark.end_to_end


def found_by(shell: Run, repository: Path) -> dict[str, list[dict[str, object]]]:
    """What a deployed example answers to its samples, by file name."""
    images = sorted(f"samples/{path.stem}.jpg" for path in (repository / "samples").glob("*.json"))
    shell(repository, "toc_build", "deploy", "--port", "0")
    answers = json.loads(shell(repository, "toc_build", "score", *images).stdout)
    shell(repository, "toc_build", "delete")
    return {Path(name).stem: detections for name, detections in answers.items()}


@pytest.mark.parametrize("name", ["bright-blob", "river-litter"])
def test_an_example_is_green(example: Callable[[str], Path], shell: Run, name: str) -> None:
    done = shell(example(name), "nox")

    assert "contract kept" in done.stdout


def test_street_objects_finds_people_and_things_on_photographs(
    example: Callable[[str], Path], shell: Run
) -> None:
    """Weights are fetched and converted as its README says."""
    repository = example("street-objects")
    uv = Path(sys.executable).with_name("uv")
    shell(repository, str(uv), "run", "--python", sys.executable, "training/fetch_weights.py")

    assert "contract kept" in shell(repository, "nox").stdout
    labels = {name: {item["label"] for item in found} for name, found in found_by(shell, repository).items()}
    assert labels == {
        "astronaut": {"person"},
        "camera": {"person"},
        "chelsea": {"cat"},
        "coffee": {"cup"},
        "rocket": set(),
    }
