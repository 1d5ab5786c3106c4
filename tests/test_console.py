from __future__ import annotations

import json

import pytest

from toc_build.console import Console
from toc_build.errors import Problem, UserError


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_results_and_remarks_go_different_ways(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.say("the result :two: [x]")
    console.note("a remark")
    console.warn("careful")
    out, err = capsys.readouterr()
    assert out == "the result :two: [x]\n"
    assert err == "a remark\nwarning: careful\n"


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    Console().json({"label": "Döner [bold]"})
    assert json.loads(capsys.readouterr().out) == {"label": "Döner [bold]"}


def test_a_step_says_how_long_it_took_and_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    console = Console(clock=clock)
    with console.step("build [x]") as update:
        update("9 wheels")
        clock.now = 2.25
    assert capsys.readouterr().err == "✓ build [x]  2.2 s\n"
    with pytest.raises(UserError), console.step("build"):
        raise UserError("no", code="TOC-X-001")
    assert capsys.readouterr().err == "✗ build  0.0 s\n"
    with pytest.raises(KeyboardInterrupt), console.step("build"):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "- build  0.0 s\n"


def test_a_lazy_step_is_drawn_once_it_says_something(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(clock=lambda: 0.0)
    with console.step("build", lazy=True):
        pass
    assert capsys.readouterr().err == ""
    with console.step("build", lazy=True) as update:
        update("now")
    assert capsys.readouterr().err == "✓ build  0.0 s\n"


def test_quiet_leaves_out_steps_and_remarks_but_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    with console.step("build") as update:
        update("x")
    console.note("a remark")
    assert capsys.readouterr().err == ""
    console.problem(UserError("wrong", code="TOC-X-001"))
    assert "TOC-X-001" in capsys.readouterr().err


def test_every_problem_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 60 + "end"
    Console().problem(
        UserError.collect(
            [
                Problem(
                    "TOC-X-001", long, where="deploy.yml:3 [a]", fix="mend [it]", details="Traceback:\n  line"
                ),
                Problem("TOC-X-002", "second"),
            ]
        )
    )
    err = capsys.readouterr().err
    assert f"  {long}\n" in err
    assert "error TOC-X-001  deploy.yml:3 [a]\n" in err
    assert "    Traceback:\n      line\n" in err
    assert "  what to do: mend [it]\n" in err
    assert "error TOC-X-002\n  second\n" in err
