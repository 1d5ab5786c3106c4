"""References to environment variables."""

from __future__ import annotations

import pytest

from toc_build.errors import RepositoryError
from toc_build.repository.references import resolve, syntax_mistake, variables


def test_resolve() -> None:
    assert resolve("${A}-${B_2}", environ={"A": "x", "B_2": "y"}) == "x-y"
    assert resolve("plain", environ={}) == "plain"


def test_resolve_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSPACE", "ws")
    assert resolve("${WORKSPACE}") == "ws"


def test_a_value_is_not_resolved_again() -> None:
    assert resolve("${A}", environ={"A": "${B}"}) == "${B}"


def test_unset_and_empty_are_told_together() -> None:
    with pytest.raises(RepositoryError) as raised:
        resolve("${A}${B}${A}${C}", where="deploy.yml:3 azure", environ={"B": "", "C": "c"})
    problems = raised.value.problems
    assert [problem.code for problem in problems] == ["TOC-DEPLOY-023"] * 2
    assert "A is not set" in problems[0].what
    assert "B is empty" in problems[1].what
    assert problems[0].where == "deploy.yml:3 azure"


@pytest.mark.parametrize("good", ["a", "${A}", "x-${A_1}-y", "costs 5 $", "$5", "${_x}"])
def test_good(good: str) -> None:
    assert syntax_mistake(good) is None


@pytest.mark.parametrize("bad", ["$A", "${}", "${A", "${1A}", "${A-B}", "${A:-b}", "${ A }", "${${A}}"])
def test_bad(bad: str) -> None:
    assert syntax_mistake(bad)


def test_variables_in_order() -> None:
    assert variables("${B}${A}") == ["B", "A"]
