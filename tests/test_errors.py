from __future__ import annotations

import re
from pathlib import Path

import pytest

from toc_build.errors import Problem, RepositoryError, UserError

ROOT = Path(__file__).parent.parent
CODE = re.compile(r"TOC-[A-Z]+-\d{3}")


def test_a_problem_tells_place_what_and_remedy() -> None:
    error = UserError(
        "cpu_cores is 0.", code="TOC-DEPLOY-001", where="deploy.yml:12 targets -> aks", fix="give more."
    )
    assert str(error) == "TOC-DEPLOY-001 deploy.yml:12 targets -> aks: cpu_cores is 0.\n  -> give more."


def test_collected_problems_keep_their_order_and_the_first_one_gives_the_code() -> None:
    error = RepositoryError.collect([Problem("TOC-A-002", "two"), Problem("TOC-A-001", "one")])
    assert error.code == "TOC-A-002"
    assert [problem.what for problem in error.problems] == ["two", "one"]
    assert isinstance(error, RepositoryError)


def test_an_error_without_problems_is_a_bug() -> None:
    with pytest.raises(ValueError, match="at least one"):
        UserError.collect([])


# Codes of these areas are in part put together from area and number, so they cannot all be found by reading.
COMPOSED = {"DEPLOY", "CONDA", "LOCK", "ENV", "IMAGE"}


def codes_in_the_code() -> set[str]:
    """Every code that the code names in full."""
    texts = [
        path.read_text(encoding="utf-8")
        for folder in ("toc_build", "cookiecutter-toc-model")
        for path in (ROOT / folder).rglob("*.py")
    ]
    return {code for text in texts for code in CODE.findall(text)}


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    pages = [ROOT / "docs" / "reference" / name for name in ("errors.md", "doctor-rules.md")]
    page = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    documented = re.findall(rf"^\| ({CODE.pattern}) \|", page, re.MULTILINE)
    assert len(documented) == len(set(documented)), "a code has two lines"
    used = codes_in_the_code()
    assert used - set(documented) == set()
    assert {code for code in set(documented) - used if code.split("-")[1] not in COMPOSED} == set()
