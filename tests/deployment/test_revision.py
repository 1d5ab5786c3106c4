from __future__ import annotations

from pathlib import Path

from support.template_bakes import git

from toc_build.deployment.revision import git_revision


def test_the_commit_and_whether_files_differ(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_revision(tmp_path) is None  # no commit yet
    model = tmp_path / "model"
    model.mkdir()
    (model / "a").write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "x")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    assert git_revision(tmp_path) == commit
    (tmp_path / "elsewhere").write_text("b")
    assert git_revision(model) == commit  # files outside of the repository's folder are not its own
    (model / "a").write_text("c")
    assert git_revision(model) == f"{commit}+changes"
