"""The real cruft on baked repositories: check, diff, and update after the template changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.template_bakes import TEMPLATE, bake, git


def cruft(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cruft", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=["by path", "by url"])
def repository(request: pytest.FixtureRequest, tmp_path: Path, project_in_git: Path) -> Path:
    """A model repository in git, baked from `project_in_git`."""
    answers = {"description": 'odd: "text" # {x}', "labels": "bottle, größe", "framework": "litert"}
    if request.param == "by path":
        baked = bake(tmp_path / "out", project_in_git / TEMPLATE.name, **answers)
    else:
        baked = bake(tmp_path / "out", project_in_git.as_uri(), directory=TEMPLATE.name, **answers)
    git(baked, "init", "--quiet")
    git(baked, "add", ".")
    git(baked, "commit", "--quiet", "--message", "baked")
    return baked


def test_a_fresh_bake_is_up_to_date_and_has_no_difference(repository: Path) -> None:
    check, diff = cruft(repository, "check"), cruft(repository, "diff", "--exit-code")

    assert check.returncode == 0, check.stdout + check.stderr
    assert (diff.returncode, diff.stdout) == (0, ""), diff.stdout + diff.stderr


def test_an_update_brings_the_change_and_keeps_the_rest(repository: Path, project_in_git: Path) -> None:
    readme = project_in_git / TEMPLATE.name / "{{cookiecutter.__repo_name}}" / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8") + "\nNews of the template.\n", encoding="utf-8")
    git(project_in_git, "commit", "--quiet", "--all", "--message", "news")
    git(project_in_git, "tag", "v1.3")
    detector = repository / "scoring" / "detector.py"
    detector.write_text("# my own\n", encoding="utf-8")
    (repository / "model" / "blob.tflite").unlink()
    git(repository, "commit", "--quiet", "--all", "--message", "mine")
    assert cruft(repository, "check").returncode == 1

    update = cruft(repository, "update", "--skip-apply-ask")

    assert update.returncode == 0, update.stdout + update.stderr
    assert (repository / "README.md").read_text(encoding="utf-8").endswith("News of the template.\n")
    assert detector.read_text(encoding="utf-8") == "# my own\n"
    assert not (repository / "model" / "blob.tflite").exists()
    assert cruft(repository, "check").returncode == 0
    if "git+" in (repository / "noxfile.py").read_text(encoding="utf-8"):
        assert "@v1.3" in (repository / "noxfile.py").read_text(encoding="utf-8")
    state = json.loads((repository / ".cruft.json").read_text(encoding="utf-8"))
    assert state["commit"] == git(project_in_git, "rev-parse", "HEAD")
    changed = git(repository, "status", "--porcelain").split()[1::2]
    assert set(changed) <= {"README.md", "noxfile.py", ".cruft.json"}


def test_cruft_itself_can_bake(tmp_path: Path, project_in_git: Path) -> None:
    done = cruft(
        tmp_path,
        "create",
        project_in_git.as_uri(),
        "--directory",
        TEMPLATE.name,
        "--no-input",
        "--default-config",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    baked = tmp_path / "river-litter"
    assert json.loads((baked / ".cruft.json").read_text(encoding="utf-8"))["directory"] == TEMPLATE.name
    assert cruft(baked, "diff", "--exit-code").stdout == ""


def test_cruft_json_keeps_the_answers_and_nothing_of_this_machine(
    tmp_path: Path, project_in_git: Path
) -> None:
    baked = bake(tmp_path / "out", project_in_git.as_uri(), checkout="v1.2", directory=TEMPLATE.name)

    state = json.loads((baked / ".cruft.json").read_text(encoding="utf-8"))

    assert state["checkout"] == "v1.2"
    assert state["directory"] == TEMPLATE.name
    assert state["template"] == project_in_git.as_uri()
    assert state["context"]["cookiecutter"]["model_name"] == "River Litter"
    assert not {"_output_dir", "_repo_dir"} & state["context"]["cookiecutter"].keys()
