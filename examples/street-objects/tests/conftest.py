"""What the tests share. They run in the scoring environment, where the model and the settings are: `nox -s test`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent.parent / "samples"


def pytest_configure() -> None:
    """Tell what to do when the tests were started without their environment."""
    if "TOC_SCORING_SETTINGS" not in os.environ or "AZUREML_MODEL_DIR" not in os.environ:
        pytest.exit("These tests need the scoring environment: run `nox -s test` (`nox -s test -- -k name`).", 2)


@pytest.fixture
def sample() -> Path:
    """A sample photograph: an astronaut."""
    return SAMPLES / "astronaut.jpg"


@pytest.fixture(params=sorted(SAMPLES.glob("*.jpg")), ids=lambda path: path.stem)
def any_sample(request: pytest.FixtureRequest) -> Path:
    """Each sample photograph in turn."""
    return request.param
