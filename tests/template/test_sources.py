"""Which toc-build a baked noxfile names: by release, by git URL and tag or commit, or by path."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from cookiecutter.exceptions import FailedHookException
from packaging.requirements import Requirement
from support.template_bakes import TEMPLATE, bake, git

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


def named_toc_build(repository: Path) -> str:
    """What the noxfile's header asks for; the whole header is read as nox reads it."""
    lines = (repository / "noxfile.py").read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[-2], lines[-1]) == ("# /// script", "# ///", "from toc_build.sessions import *")
    header = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines[1:-2]))
    nox, toc_build = (Requirement(each) for each in header["dependencies"])
    assert nox.name == "nox"
    assert toc_build.name == "toc-build"
    assert toc_build.url or str(toc_build.specifier).startswith("==")
    assert header["requires-python"] == ">=3.10,<3.14"
    return str(header["dependencies"][1])


@pytest.mark.parametrize("spelling", ["absolute", "relative", "directory", "link"])
def test_a_bake_from_a_checkout_names_its_commit(
    tmp_path: Path, project_in_git: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    monkeypatch.chdir(project_in_git)
    (tmp_path / "link").symlink_to(project_in_git)
    templates = {
        "absolute": project_in_git / TEMPLATE.name,
        "relative": Path(TEMPLATE.name),
        "directory": Path(),
        "link": tmp_path / "link" / TEMPLATE.name,
    }

    repository = bake(
        tmp_path / "out",
        templates[spelling],
        directory=TEMPLATE.name if spelling == "directory" else None,
    )

    assert named_toc_build(repository) == f"toc-build @ git+{project_in_git.as_uri()}@v1.2"


@pytest.mark.parametrize("change", ["an edit", "a new file", "a shallow clone"])
def test_a_bake_from_what_no_commit_can_give_names_the_folder(
    tmp_path: Path, project_in_git: Path, change: str
) -> None:
    """It is installed anew at every call, so that work on toc-build itself is seen at once."""
    project = project_in_git
    if change == "an edit":
        (project / "pyproject.toml").open("a").write("# edited\n")
    elif change == "a new file":
        (project / "new.py").touch()
    else:
        git(tmp_path, "clone", "--quiet", "--depth", "1", project_in_git.as_uri(), "shallow")
        project = tmp_path / "shallow"
    (project / TEMPLATE.name / "__pycache__").mkdir(exist_ok=True)

    repository = bake(tmp_path / "out", project / TEMPLATE.name)

    assert named_toc_build(repository) == f"toc-build @ {project.as_uri()}"


def test_a_bake_from_a_tree_without_git_names_it_by_path(tmp_path: Path, project_in_git: Path) -> None:
    shutil.rmtree(project_in_git / ".git")

    repository = bake(tmp_path / "out", project_in_git / TEMPLATE.name)

    assert named_toc_build(repository) == f"toc-build @ {project_in_git.as_uri()}"
    assert not (repository / ".cruft.json").exists()


@pytest.mark.parametrize("checkout", ["v1.2", "main", None])
def test_a_bake_from_a_git_url_names_url_and_tag(
    tmp_path: Path, project_in_git: Path, checkout: str | None
) -> None:
    repository = bake_from_url(tmp_path, project_in_git, checkout)

    assert named_toc_build(repository) == f"toc-build @ git+{project_in_git.as_uri()}@v1.2"


def test_a_commit_without_a_tag_is_named_by_itself(tmp_path: Path, project_in_git: Path) -> None:
    git(project_in_git, "commit", "--quiet", "--allow-empty", "--message", "second")
    commit = git(project_in_git, "rev-parse", "HEAD")

    repository = bake_from_url(tmp_path, project_in_git, None)

    assert named_toc_build(repository) == f"toc-build @ git+{project_in_git.as_uri()}@{commit}"


def test_a_project_inside_another_repository_is_named_by_its_subdirectory(
    tmp_path: Path, project_in_git: Path
) -> None:
    (project_in_git / "tools").mkdir()
    for name in ("pyproject.toml", TEMPLATE.name):
        git(project_in_git, "mv", name, "tools/")
    git(project_in_git, "commit", "--quiet", "--message", "moved")
    git(project_in_git, "tag", "v1.3")

    repository = bake_from_url(tmp_path, project_in_git, "v1.3", directory=f"tools/{TEMPLATE.name}")

    assert named_toc_build(repository) == f"toc-build @ git+{project_in_git.as_uri()}@v1.3#subdirectory=tools"


def test_a_release_is_named_by_its_version(tmp_path: Path, project_in_git: Path) -> None:
    path = project_in_git / TEMPLATE.name / "cookiecutter.json"
    path.write_text(path.read_text().replace('"_toc_build_release": ""', '"_toc_build_release": "1.2.0"'))

    repository = bake(tmp_path / "out", path.parent)

    assert named_toc_build(repository) == "toc-build==1.2.0"


@pytest.mark.parametrize("beside", [None, '[project]\nname = "another"\n'])
def test_a_template_without_its_toc_build_is_refused(tmp_path: Path, beside: str | None) -> None:
    shutil.copytree(TEMPLATE, tmp_path / "copied" / TEMPLATE.name)
    if beside:
        (tmp_path / "copied" / "pyproject.toml").write_text(beside)

    with pytest.raises(FailedHookException, match=r"TOC-TPL-002 .* has no toc-build beside it") as refusal:
        bake(tmp_path / "out", tmp_path / "copied" / TEMPLATE.name)

    assert "--directory cookiecutter-toc-model" in str(refusal.value)
    assert not (tmp_path / "out" / "river-litter").exists()


@pytest.mark.parametrize(
    ("remote", "template", "pip"),
    [
        (
            "https://me:secret@example.org/o/n.git",
            "https://example.org/o/n.git",
            "https://example.org/o/n.git",
        ),
        ("https://secret@example.org/o/n", "https://example.org/o/n", "https://example.org/o/n"),
        ("https://example.org/o/n?token=secret", "https://example.org/o/n", "https://example.org/o/n"),
        (
            "ssh://git:secret@example.org:2222/o/n",
            "ssh://git@example.org:2222/o/n",
            "ssh://git@example.org:2222/o/n",
        ),
        ("git@example.org:o/n.git", "git@example.org:o/n.git", "ssh://git@example.org/o/n.git"),
    ],
)
def test_no_secret_of_a_git_url_is_written(
    toc_template: ModuleType, remote: str, template: str, pip: str
) -> None:
    assert toc_template._without_secrets(remote) == template
    assert toc_template._pip_url(remote) == pip
    Requirement(f"toc-build @ git+{pip}@v1.2")


def test_a_password_in_the_remote_stays_out_of_the_repository(tmp_path: Path, project_in_git: Path) -> None:
    bake_from_url(tmp_path, project_in_git, None)
    clone = next((tmp_path / "out" / ".cookiecutters").iterdir())
    git(clone, "remote", "set-url", "origin", "https://me:hunter2@example.org/o/toc-build.git")

    repository = bake(tmp_path / "out", clone.name, directory=TEMPLATE.name, model_name="Second")

    assert named_toc_build(repository) == "toc-build @ git+https://example.org/o/toc-build.git@v1.2"
    assert (
        json.loads((repository / ".cruft.json").read_text())["template"]
        == "https://example.org/o/toc-build.git"
    )
    for path in repository.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()


def bake_from_url(
    tmp_path: Path, project: Path, checkout: str | None, directory: str = TEMPLATE.name
) -> Path:
    return bake(tmp_path / "out", project.as_uri(), checkout=checkout, directory=directory)
