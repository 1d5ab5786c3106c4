"""Every framework x image form, with serving stack, GPU and CI in turns: baked, linted and read."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from cookiecutter.main import cookiecutter
from support.template_bakes import PROJECT, TEMPLATE, bake, git, run_cookiecutter, settings

from toc_build.contract import load_samples
from toc_build.deployment.doctor import examine
from toc_build.repository import json_schema_text, load

FRAMEWORKS = ("tensorflow", "litert", "onnxruntime", "custom")
IMAGE_FORMS = ("opencv", "pillow", "file", "bytes")
# Two of these for each framework x image form, in turns: each framework and each form meets every one.
OTHERS = (
    {"serving_stack": "slim", "gpu": "no", "ci": "github", "python_version": "3.11"},
    {"serving_stack": "azureml-defaults", "gpu": "yes", "ci": "github", "azure_cluster": "inference-ml"},
    {"serving_stack": "azureml-defaults", "gpu": "no", "ci": "azure-pipelines", "python_version": "3.13"},
    {"serving_stack": "slim", "gpu": "yes", "ci": "azure-pipelines", "azure_cluster": "${CLUSTER}"},
    {"serving_stack": "slim", "gpu": "no", "ci": "none", "python_version": "3.10"},
    {"serving_stack": "azureml-defaults", "gpu": "yes", "ci": "none", "python_version": "3.12"},
)
MODELS = {
    "tensorflow": "saved_model",
    "litert": "blob.tflite",
    "onnxruntime": "blob.onnx",
    "custom": "blob.json",
}
CI_FILES = {"github": ".github", "azure-pipelines": "azure-pipelines.yml"}


@pytest.mark.parametrize(
    ("turn", "framework", "image_form"),
    [(turn, *pair) for turn, pair in enumerate(product(FRAMEWORKS, IMAGE_FORMS))],
)
def test_every_bake_is_clean_and_complete(tmp_path: Path, turn: int, framework: str, image_form: str) -> None:
    for number in (turn % len(OTHERS), (turn + 3) % len(OTHERS)):
        answers: dict[str, Any] = {**OTHERS[number], "framework": framework, "image_form": image_form}
        if framework == "litert":
            answers["gpu"] = "no"

        repository = bake(tmp_path / str(number), **answers)

        assert_lint_clean(repository)
        assert_nothing_unrendered(repository)
        loaded = load(repository)
        assert examine(repository) == []
        assert loaded.config.model.framework == framework
        assert load_samples(loaded.samples_dir, labels=loaded.config.model.labels)[0].expected
        assert [path.name for path in (repository / "model").iterdir()] == [MODELS[framework]]
        for ci, file in CI_FILES.items():
            assert (repository / file).exists() == (ci == answers["ci"])
        for path in repository.rglob("*.y*ml"):
            assert yaml.safe_load(path.read_text(encoding="utf-8"))


def assert_lint_clean(repository: Path) -> None:
    for command in (["check"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def assert_nothing_unrendered(repository: Path) -> None:
    for path in repository.rglob("*"):
        if (
            path.is_file()
            and path.suffix not in {".jpg", ".pb", ".tflite", ".onnx"}
            and "model" not in path.parts
        ):
            text = path.read_text(encoding="utf-8").replace("${{ ", "").replace(".cruft", "")
            for left in ("{{", "{%", "{#", "cookiecutter."):
                assert left not in text, f"{left} in {path}"


def test_the_packages_are_those_of_the_answers(tmp_path: Path) -> None:
    def packages(name: str, **answers: str) -> list[str]:
        conda = yaml.safe_load((bake(tmp_path / name, **answers) / "conda.yml").read_text(encoding="utf-8"))
        return list(conda["dependencies"][-1]["pip"])

    assert packages("one", framework="custom") == [
        "azureml-inference-server-http>=1.5,<2",
        "numpy>=1.26,<2.3.3",
        "opencv-python-headless>=4.10",
    ]
    assert packages("two", serving_stack="azureml-defaults", gpu="yes", image_form="pillow") == [
        "azureml-defaults>=1.62,<2",
        "numpy>=1.26,<2.3.3",
        "pillow>=10.3",
        "tensorflow[and-cuda]>=2.16,<3",
    ]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_bake_for_pillow_does_without_opencv(tmp_path: Path, framework: str) -> None:
    repository = bake(tmp_path, framework=framework, image_form="pillow")

    for path in (repository / "conda.yml", *repository.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "cv2" not in text
        assert "opencv-python" not in text


def test_the_first_label_is_the_one_that_the_sample_shows(tmp_path: Path) -> None:
    repository = bake(tmp_path, labels="Größe: 1, b", framework="custom")

    config = load(repository).config
    expected = json.loads((repository / "samples" / "three-blobs.json").read_text(encoding="utf-8"))

    assert config.model.labels == ("Größe: 1", "b")
    assert {each["label"] for each in expected} == {"Größe: 1"}


def test_azure_answers_arrive_in_deploy_yml(tmp_path: Path) -> None:
    repository = bake(
        tmp_path,
        framework="onnxruntime",
        gpu="yes",
        azure_subscription_id="1b2c3d4e-0000-4000-8000-0123456789ab",
        azure_resource_group="rg-ocean",
        azure_workspace="ws-ocean",
        azure_location="northeurope",
        azure_cluster="inference-ml",
    )

    config = load(repository).config

    assert config.azure.subscription_id == "1b2c3d4e-0000-4000-8000-0123456789ab"
    assert config.azure.resource_group == "rg-ocean"
    assert config.azure.workspace_name == "ws-ocean"
    assert config.azure.location == "northeurope"
    assert config.targets.aks is not None
    assert config.targets.aks.compute_target_name == "inference-ml"
    assert config.targets.aks.gpu_cores == 1


@pytest.mark.parametrize("image_form", IMAGE_FORMS)
def test_the_starter_finds_the_blobs_of_its_sample(tmp_path: Path, image_form: str) -> None:
    repository = bake(tmp_path, framework="custom", image_form=image_form, labels="bottle, can")
    scoring_settings = tmp_path / "settings.json"
    scoring_settings.write_text(
        json.dumps(
            {
                "service": "river-litter",
                "labels": ["bottle", "can"],
                "max_request_bytes": 1_000_000,
                "max_pixels": 1_000_000,
            }
        )
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_detector.py"],
        cwd=repository,
        env={
            "PATH": "",
            "PYTHONPATH": str(PROJECT),
            "AZUREML_MODEL_DIR": str(repository / "model"),
            "TOC_SCORING_SETTINGS": str(scoring_settings),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_say_where_they_run(tmp_path: Path) -> None:
    repository = bake(tmp_path, framework="custom")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=repository,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "run `nox -s test`" in done.stdout + done.stderr


def test_the_scoring_script_is_a_page_and_the_noxfile_five_lines(tmp_path: Path) -> None:
    repository = bake(tmp_path, image_form="file")

    assert len((repository / "scoring" / "score.py").read_text().splitlines()) <= 50
    assert len((repository / "noxfile.py").read_text().splitlines()) == 5


def test_a_bake_ends_with_the_next_commands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bake(tmp_path)

    said = capfd.readouterr().out.strip().splitlines()

    assert len(said) <= 5
    for command in ("cd river-litter", "nox ", "nox -s deploy_local"):
        assert any(line.strip().startswith(command) for line in said)


def test_answers_may_come_from_the_users_configuration(tmp_path: Path) -> None:
    config_file = settings(tmp_path, owner="harbour-team", framework="litert")

    repository = Path(
        cookiecutter(str(TEMPLATE), no_input=True, output_dir=str(tmp_path), config_file=str(config_file))
    )

    assert load(repository).config.service.owner == "harbour-team"
    assert load(repository).config.model.framework == "litert"


def test_a_replay_bakes_the_same_again(tmp_path: Path) -> None:
    first = bake(tmp_path, framework="litert", labels="bottle, can", image_form="bytes")
    replay = tmp_path / ".replay" / f"{TEMPLATE.name}.json"

    again = run_cookiecutter(tmp_path / "again", replay=str(replay))

    assert contents(again) == contents(first)


def test_the_names_can_be_given(tmp_path: Path) -> None:
    repository = bake(tmp_path, __repo_name="Litter.Model", __service_name="litter-north")

    assert repository.name == "Litter.Model"
    assert load(repository).config.service.name == "litter-north"


def test_a_baked_repository_is_added_to_git_without_git_lfs(tmp_path: Path) -> None:
    repository = bake(tmp_path, framework="tensorflow")
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "first")

    assert git(repository, "status", "--porcelain") == ""
    assert "model/saved_model/saved_model.pb" in git(repository, "ls-files").splitlines()
    assert "binary: set" in git(repository, "check-attr", "binary", "model/saved_model/saved_model.pb")


def test_the_schema_for_editors_is_the_packages_own() -> None:
    copy = TEMPLATE / "{{cookiecutter.__repo_name}}" / ".schema" / "deploy.json"

    assert copy.read_text(encoding="utf-8") == json_schema_text(), "run: python tools/reference.py"


def contents(repository: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(repository)): path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file()
    }
