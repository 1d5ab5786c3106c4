"""A package that is missing, or a file of the user's own that is not where it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.targets.local import LocalSettings
from toc_build.targets.local.missing_modules import explain

NOT_FOUND = "ModuleNotFoundError: No module named '{}'"


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        (NOT_FOUND.format("shapely.geometry"), "TOC-LOCAL-006", "add `shapely` to conda.yml"),
        (NOT_FOUND.format("PIL"), "TOC-LOCAL-006", "add `pillow` to conda.yml"),
        (NOT_FOUND.format("cv2"), "TOC-LOCAL-006", "add `opencv-python-headless` to conda.yml"),
        (NOT_FOUND.format("scoring.detector"), "TOC-LOCAL-007", "`from detector import ...`"),
        (NOT_FOUND.format("detektor"), "TOC-LOCAL-007", "did you mean `detector`?"),
        (NOT_FOUND.format("excluded"), "TOC-LOCAL-007", "`.amlignore`"),
        (NOT_FOUND.format("common"), "TOC-LOCAL-007", "lies outside `scoring/`"),
        (
            "ImportError: cannot import name 'resize' from 'utils' "
            "(/env/site-packages/azureml_inference_server_http/server/utils.py)",
            "TOC-LOCAL-020",
            "rename `scoring/utils.py`",
        ),
        (
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "TOC-LOCAL-006",
            "`opencv-python-headless`",
        ),
    ],
)
def test_what_to_do(tmp_path: Path, message: str, code: str, said: str) -> None:
    repository, bundle = tmp_path / "repository", tmp_path / "code"
    (repository / "scoring").mkdir(parents=True)
    bundle.mkdir()
    (bundle / "detector.py").touch()
    (repository / "scoring" / "excluded.py").touch()
    (repository / "common").mkdir()
    settings = LocalSettings(Path("python"), repository=repository)
    error = explain(message, "scoring/score.py:1", "details", bundle, settings)
    assert error is not None
    assert error.code == code
    assert said in str(error)


def test_other_exceptions_are_not_for_here(tmp_path: Path) -> None:
    settings = LocalSettings(Path("python"))
    assert explain("KeyError: 'x'", None, "", tmp_path, settings) is None
    assert (
        explain("ImportError: cannot import name 'a' from 'b' (b.py)", None, "", tmp_path, settings) is None
    )
