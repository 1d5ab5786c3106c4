"""Loading a model repository from disk: where it is looked for, what it gives, what the folder must hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.repository_files import CONDA, DEPLOY, write_repository

from toc_build.errors import RepositoryError
from toc_build.repository import Repository, load

MINIMAL = """\
service: {name: river-litter}
model: {name: river-litter, framework: tensorflow, labels: [bottle]}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write_repository(tmp_path / "river-litter")


def problems(folder: Path) -> list[tuple[str, str | None]]:
    with pytest.raises(RepositoryError) as raised:
        load(folder)
    return [(problem.code, problem.where) for problem in raised.value.problems]


def test_paths(repository: Path) -> None:
    loaded = load(repository)
    assert loaded.root == repository
    assert loaded.script == repository / "scoring" / "score.py"
    assert loaded.scoring_dir == repository / "scoring"
    assert loaded.model_dir == repository / "model"
    assert loaded.conda_path == repository / "conda.yml"
    assert loaded.lock_path == repository / "requirements.lock"
    assert loaded.samples_dir == repository / "samples"
    assert loaded.deploy_path == repository / "deploy.yml"


def test_defaults_of_a_minimal_file(tmp_path: Path) -> None:
    config = load(write_repository(tmp_path, deploy=MINIMAL)).config
    assert (config.model.path, config.scoring.script) == ("model", "scoring/score.py")
    assert (config.scoring.max_request_mb, config.scoring.max_megapixels) == (20, 50)
    assert (config.scoring.workers, config.scoring.threads, config.scoring.concurrency) == (1, 4, 1)
    assert (config.samples.min_iou, config.samples.score_tolerance) == (0.5, 0.2)
    assert (config.targets.local.port, config.targets.local.readiness_seconds) == (8890, 120)
    assert config.targets.aci is config.targets.aks is None


def test_sections_left_empty_have_their_defaults(tmp_path: Path) -> None:
    empty = "".join(f"{name}:\n" for name in ("scoring", "environment", "samples", "azure"))
    config = load(write_repository(tmp_path, deploy=f"{MINIMAL}{empty}targets:\n  local:\n  aci:\n")).config
    assert config.scoring.threads == 4
    assert config.targets.local.port == 8890
    assert config.targets.aci is not None


def test_relative_path_and_file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    assert load(".").root == load("deploy.yml").root == load(Path()).root == repository


def test_load_through_a_link_keeps_the_link(repository: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(repository)
    assert load(link).root == link


def test_loading_needs_no_environment_variable(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKSPACE", raising=False)
    assert load(repository).config.azure.workspace_name == "${WORKSPACE}"


def test_not_a_model_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path)
    problem = raised.value.problems[0]
    assert problem.code == "TOC-REPO-001"
    assert str(tmp_path) in problem.what
    assert "cookiecutter" in (problem.fix or "")


def test_inside_a_model_repository(repository: Path) -> None:
    with pytest.raises(RepositoryError) as raised:
        load(repository / "scoring")
    assert str(repository) in (raised.value.problems[0].fix or "")


def test_above_model_repositories(repository: Path) -> None:
    with pytest.raises(RepositoryError) as raised:
        load(repository.parent)
    assert "river-litter" in (raised.value.problems[0].fix or "")


@pytest.mark.parametrize("name", ["nothing", "file", "file/below"])
def test_no_folder_at_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path / name)
    assert raised.value.code == "TOC-REPO-001"
    assert "not a folder" in raised.value.problems[0].what


def test_unreadable_file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "deploy.yml":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the tests may run as root, whom no mode stops
    with pytest.raises(RepositoryError) as raised:
        load(repository)
    assert [problem.code for problem in raised.value.problems] == ["TOC-DEPLOY-002"]
    assert "Permission denied" in raised.value.problems[0].what


def test_broken_deploy_yml_hides_nothing_of_conda_yml_and_invents_nothing(tmp_path: Path) -> None:
    write_repository(tmp_path, deploy="a: [", conda=CONDA.replace("python=3.11", "python=2.7"))
    (tmp_path / "scoring" / "score.py").unlink()
    assert [code for code, _ in problems(tmp_path)] == ["TOC-DEPLOY-004", "TOC-CONDA-021"]


@pytest.mark.parametrize("left", [[], [".gitkeep"], ["README.md"]])
def test_missing_weights(repository: Path, left: list[str]) -> None:
    (repository / "model" / "saved_model" / "saved_model.pb").unlink()
    for name in left:
        (repository / "model" / name).write_text("put it here")
    assert problems(repository) == [("TOC-REPO-005", "deploy.yml:9 model -> path")]


def test_pointers_in_place_of_weights(repository: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 231548\n"
    (repository / "model" / "saved_model" / "saved_model.pb").write_text(pointer)
    with pytest.raises(RepositoryError) as raised:
        load(repository)
    problem = raised.value.problems[0]
    assert problem.code == "TOC-REPO-006"
    assert "model/saved_model/saved_model.pb" in problem.what
    assert "git lfs pull" in (problem.fix or "")


def test_custom_framework_takes_any_artifact(tmp_path: Path) -> None:
    folder = write_repository(tmp_path, deploy=DEPLOY.replace("tensorflow", "custom"))
    (folder / "model" / "saved_model" / "saved_model.pb").rename(folder / "model" / "weights.npz")
    assert load(folder).config.model.framework == "custom"


def test_file_in_place_of_the_model_folder(tmp_path: Path) -> None:
    folder = write_repository(tmp_path, deploy=DEPLOY.replace("  path: model", "  path: conda.yml"))
    assert problems(folder) == [("TOC-REPO-004", "deploy.yml:9 model -> path")]


def test_no_image_among_the_samples(repository: Path) -> None:
    (repository / "samples" / "river.jpg").rename(repository / "samples" / "river.txt")
    assert problems(repository) == [("TOC-REPO-008", "deploy.yml:23 samples -> path")]


def test_a_lock_needs_no_weights(repository: Path) -> None:
    (repository / "model" / "saved_model" / "saved_model.pb").unlink()
    assert load(repository, check_folder=False).name == "river-litter"


def test_missing_lock_is_no_problem_and_a_folder_is_one(repository: Path) -> None:
    assert not load(repository).lock_path.exists()
    (repository / "requirements.lock").mkdir()
    assert problems(repository) == [("TOC-REPO-010", "deploy.yml:21 environment -> lock")]


def test_conda_yml_that_is_a_folder(repository: Path) -> None:
    (repository / "conda.yml").unlink()
    (repository / "conda.yml").mkdir()
    assert [code for code, _ in problems(repository)] == ["TOC-CONDA-002"]


def loaded_with(folder: Path, **environ: str) -> tuple[Repository, dict[str, str]]:
    return load(folder), environ


def test_resolve_gives_the_section_with_values(repository: Path) -> None:
    loaded, environ = loaded_with(
        repository, WORKSPACE="rivers-ws", AZURE_SUBSCRIPTION_ID="00000000-0000-0000-0000-000000000000"
    )
    azure = loaded.resolve(loaded.config.azure, environ=environ)
    assert azure.workspace_name == "rivers-ws"
    assert azure.location == "northeurope"
    assert loaded.config.azure.workspace_name == "${WORKSPACE}"


def test_resolve_tells_every_unset_variable_with_its_place(repository: Path) -> None:
    loaded = load(repository)
    with pytest.raises(RepositoryError) as raised:
        loaded.resolve(loaded.config.azure, environ={})
    assert [(problem.code, problem.where) for problem in raised.value.problems] == [
        ("TOC-DEPLOY-023", "deploy.yml:27 azure -> subscription_id"),
        ("TOC-DEPLOY-023", "deploy.yml:29 azure -> workspace_name"),
    ]


def test_resolve_checks_what_the_variables_hold_and_never_shows_it(tmp_path: Path) -> None:
    deploy = DEPLOY.replace("compute_target_name: inference-ml", "cluster: ${CLUSTER}")
    loaded = load(write_repository(tmp_path, deploy=deploy))
    aks = loaded.config.targets.aks
    assert aks
    with pytest.raises(RepositoryError) as raised:
        loaded.resolve(aks, environ={"CLUSTER": "hunter2 with spaces"})
    problem = raised.value.problems[0]
    assert (problem.code, problem.where) == ("TOC-DEPLOY-014", "deploy.yml:42 targets -> aks -> cluster")
    assert "hunter2" not in str(raised.value)
    assert loaded.resolve(aks, environ={"CLUSTER": "inference"}).compute_target_name == "inference"


def test_resolve_takes_sections_of_this_repository_only(repository: Path) -> None:
    loaded = load(repository)
    with pytest.raises(ValueError, match="not a part"):
        loaded.resolve(load(repository).config.azure)


def test_where_is_for_messages_of_other_layers(repository: Path) -> None:
    assert (
        load(repository).where("targets", "aks", "cpu_cores") == "deploy.yml:47 targets -> aks -> cpu_cores"
    )


def test_deploy_yml_that_is_a_broken_link(tmp_path: Path) -> None:
    (tmp_path / "deploy.yml").symlink_to("nowhere")
    with pytest.raises(RepositoryError) as raised:
        load(tmp_path)
    assert raised.value.code == "TOC-DEPLOY-002"


@pytest.mark.parametrize("kind", ["empty", "pipe"])
def test_weights_that_hold_nothing(repository: Path, kind: str) -> None:
    weights = repository / "model" / "saved_model" / "saved_model.pb"
    weights.unlink()
    if kind == "empty":
        weights.touch()
        assert problems(repository) == [("TOC-REPO-005", "deploy.yml:9 model -> path")]
    else:
        os.mkfifo(weights)
        load(repository)  # it comes to an end; the bundle refuses such a thing
