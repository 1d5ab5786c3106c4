"""The command line as a whole: what loads when, and how things end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import toc_build.cli
from toc_build.cli import main
from toc_build.deployment.checks import Outcome

HEAVY = {
    "cv2",
    "numpy",
    "pydantic",
    "ruamel",
    "httpx",
    "rich",
    "uv",
    "watchfiles",
    "psutil",
    "nox",
    "filelock",
}


def loaded_by(*arguments: str) -> set[str]:
    """The top-level modules that a command loads."""
    script = (
        "import sys\n"
        "from toc_build.cli import main\n"
        f"main({list(arguments)!r})\n"
        "sys.stderr.write('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_waits_for_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(*arguments) & HEAVY == set()


@pytest.mark.parametrize("command", ["test", "env", "deploy", "score", "serve"])
def test_a_commands_help_waits_for_nothing_of_ours(command: str) -> None:
    """typer itself loads pydantic to read a command's parameters."""
    assert loaded_by(command, "--help") & (HEAVY - {"pydantic"}) == set()


def test_importing_the_package_waits_for_nothing_heavy() -> None:
    script = "import sys, toc_build; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & (HEAVY | {"typer"}) == set()


def test_the_public_names_are_there() -> None:
    import toc_build

    for name in toc_build.__all__:
        assert getattr(toc_build, name).__name__ == name
    assert set(toc_build.__all__) <= set(dir(toc_build))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = toc_build.nonsense


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("toc-build ")


def test_a_wrong_option_is_a_users_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--prot", "1"]) == 2
    assert "--prot" in capsys.readouterr().err


def test_no_model_repository_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "-C", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "deploy.yml" in err
    assert "Traceback" not in err


def test_a_bug_shows_its_traceback_and_ends_with_70(
    model_repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import toc_build.repository

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(toc_build.repository, "load", broken)
    assert main(["lock", "-C", str(model_repository)]) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: a bug of ours" in err
    assert "please report" in err


def test_ctrl_c_ends_with_130(
    model_repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import toc_build.repository

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(toc_build.repository, "load", interrupted)
    assert main(["lock", "-C", str(model_repository)]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_status_of_what_was_never_deployed(
    model_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "-C", str(model_repository), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "absent"
    assert main(["status", "-C", str(model_repository)]) == 0
    assert capsys.readouterr().out.split() == ["state", "absent"]
    assert main(["logs", "-C", str(model_repository)]) == 2
    capsys.readouterr()
    assert main(["delete", "-C", str(model_repository)]) == 0
    assert capsys.readouterr().out == "nothing was deployed from here\n"


def test_options_that_are_not_ours_go_to_pytest(
    monkeypatch: pytest.MonkeyPatch, model_repository: Path
) -> None:
    import toc_build.deployment.checks
    import toc_build.deployment.prepare

    given: list[list[str]] = []

    def check(*_: object, pytest_arguments: list[str], **__: object) -> Outcome:
        given.append(list(pytest_arguments))
        return Outcome("sha256:0", 0, None)

    monkeypatch.setattr(toc_build.deployment.prepare, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(toc_build.deployment.checks, "check", check)
    for arguments in (["-k", "empty"], ["--", "-k", "empty"], ["-k", "empty", "-x", "--no-contract"]):
        assert main(["test", "-C", str(model_repository), *arguments]) == 0
    assert given == [["-k", "empty"], ["-k", "empty"], ["-k", "empty", "-x"]]


def test_validate_tells_everything_at_once(
    model_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "-C", str(model_repository)]) == 0
    capsys.readouterr()
    deploy, conda = model_repository / "deploy.yml", model_repository / "conda.yml"
    deploy.write_text(
        deploy.read_text().replace("framework: custom", "framework: costum").replace("8890", "0x")
    )
    conda.write_text(conda.read_text().replace("python=3.11", "python=3.9"))
    assert main(["validate", "-C", str(model_repository)]) == 2
    err = capsys.readouterr().err
    assert err.count("error TOC-") == 3
    assert "deploy.yml:" in err
    assert "conda.yml:" in err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"]


def test_every_command_is_listed_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    out = capsys.readouterr().out
    for command in ("validate", "lock", "test", "serve", "deploy", "score", "status", "logs", "delete"):
        assert f"\n  {command} " in out
    assert toc_build.cli.app.info.name == "toc-build"
