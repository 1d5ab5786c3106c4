"""Answers: the wrong ones are refused with their rule and leave nothing, the odd ones arrive unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException, OutputDirExistsException
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support.template_bakes import TEMPLATE, bake, run_cookiecutter, settings

from toc_build.repository import load

RULE = "lower-case letters a-z, digits and hyphens, 3 to 32 characters, a letter first and no hyphen last"
HOSTILE = (
    "yes",
    "No",
    "null",
    "~",
    "1e3",
    "0x1F",
    "3.11",
    "2026-11-23",
    "a: b",
    "a # b",
    "- a",
    "? a",
    "*a &b",
    "!tag",
    "%x @y `z`",
    "[a]",
    "a} b{",
    'quote " in it',
    "it's 'quoted'",
    "back\\slash \\n \\u0041",
    "trailing colon:",
    '"""',
    "''' '''",
    "<script>&amp;",
    "${HOME",
    "河のごみ 🗑️ Größe",
    "non\u00a0breaking",
)


@pytest.mark.parametrize("answer", HOSTILE[::4])
def test_odd_texts_arrive_as_they_were_given(tmp_path: Path, answer: str) -> None:
    labels = [answer, *(each for each in HOSTILE if each != answer)]

    repository = bake(tmp_path, description=answer, owner=answer, labels=",".join(labels), framework="custom")

    deploy = yaml.safe_load((repository / "deploy.yml").read_text(encoding="utf-8"))
    samples = json.loads((repository / "samples" / "three-blobs.json").read_text(encoding="utf-8"))
    assert deploy["service"]["description"] == answer
    assert deploy["service"]["owner"] == answer
    assert deploy["model"]["labels"] == labels
    assert {each["label"] for each in samples} == {answer}


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("  River   Litter ", "river-litter"),
        ("Größe Ñandú", "grosse-nandu"),
        ('O\'Hara "x" \\ {y}: #z', "o-hara-x-y-z"),
        ("Yes", "yes"),
        ("null", "null"),
        ("River_Litter.v2", "river-litter-v2"),
    ],
)
def test_names_are_derived_from_the_models_name(tmp_path: Path, name: str, made: str) -> None:
    repository = bake(tmp_path, model_name=name, framework="custom")

    config = load(repository).config
    assert repository.name == config.service.name == config.model.name == made
    assert load(repository).conda.name == made


@pytest.mark.parametrize(
    "name", ["3D Cans", "ab", "🗑️", "", "-", "a name that is far too long for any service", "../up", "1e3"]
)
def test_names_without_a_service_name_in_them_are_refused(tmp_path: Path, name: str) -> None:
    if name == "../up":
        assert bake(tmp_path, model_name="../upwards").name == "upwards"
        name = "../x"

    with pytest.raises(FailedHookException) as refusal:
        bake(tmp_path / "here", model_name=name)

    assert RULE in str(refusal.value)
    assert '"River Litter"' in str(refusal.value)
    assert_nothing_left(tmp_path / "here")


@pytest.mark.parametrize(
    ("answers", "rule"),
    [
        ({"description": "   "}, "one line of 1 to 200 printable characters"),
        ({"description": "two\nlines"}, "one line of 1 to 200 printable characters"),
        ({"owner": "x" * 201}, "one line of 1 to 200 printable characters"),
        ({"owner": "\u202eright to left"}, "one line of 1 to 200 printable characters"),
        ({"description": "a {# b"}, "without {{, {% or {#"),
        ({"labels": "bottle,,can"}, "one or more different names"),
        ({"labels": "can, bottle, can "}, "one or more different names"),
        ({"labels": ""}, "one or more different names"),
        ({"framework": "litert", "gpu": "yes"}, "runs on the CPU only"),
        ({"azure_subscription_id": "my subscription"}, "a UUID"),
        ({"azure_resource_group": "ends with a dot."}, "no dot last"),
        ({"azure_workspace": "ws"}, "3 to 33 characters"),
        ({"azure_location": "North Europe"}, "short name"),
        ({"azure_cluster": "1st"}, "a letter first"),
        ({"__repo_name": "../elsewhere", "__service_name": "river-litter"}, "The folder's name"),
        ({"__service_name": "River"}, RULE),
    ],
)
def test_wrong_answers_are_refused_with_their_rule(
    tmp_path: Path, answers: dict[str, str], rule: str
) -> None:
    if answers.get("description") == "a {# b":  # as typed; on the command line Jinja itself stumbles over it
        with pytest.raises(FailedHookException) as refusal:
            replay(tmp_path, **answers)
    else:
        with pytest.raises(FailedHookException) as refusal:
            bake(tmp_path, **answers)

    assert str(refusal.value).startswith("TOC-TPL-001 One answer is not usable; nothing has been written.\n")
    assert rule in str(refusal.value)
    assert (
        "for example" in str(refusal.value)
        or "Take gpu=false" in str(refusal.value)
        or "such as" in str(refusal.value)
    )
    assert_nothing_left(tmp_path)


def test_a_replay_file_that_was_edited_is_checked_too(tmp_path: Path) -> None:
    with pytest.raises(FailedHookException, match=r"framework is \"torch\": it must be one of tensorflow"):
        replay(tmp_path, framework="torch")

    assert_nothing_left(tmp_path)


def test_all_wrong_answers_are_told_at_once_on_the_command_line(tmp_path: Path) -> None:
    done = cookiecutter_command(tmp_path, "model_name=3D Cans", "owner= ", "labels=a,a", "azure_cluster=?")

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "TOC-TPL-001 4 answers are not usable; nothing has been written."
    assert [line.startswith("  - ") for line in lines[1:]] == [True] * 4
    assert done.stderr == ""
    assert_nothing_left(tmp_path)


def test_an_existing_folder_is_left_alone_and_the_way_on_is_told(tmp_path: Path) -> None:
    first = bake(tmp_path, framework="custom")
    (first / "deploy.yml").write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}

    done = cookiecutter_command(tmp_path)

    assert done.returncode == 1
    assert "There is already a river-litter in" in done.stderr
    assert "--output-dir" in done.stderr
    assert "already exists" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before
    with pytest.raises(OutputDirExistsException):
        bake(tmp_path)


@given(st.text(max_size=60))
@hypothesis_settings(max_examples=200, deadline=None)
def test_any_text_is_one_yaml_scalar(toc_template: ModuleType, text: str) -> None:
    if toc_template._unfit(text):
        return
    line = f"key: {toc_template.yaml_text(text)}  # comment\nlist: {toc_template.yaml_list([text, 'b'])}\n"

    for read in (yaml.safe_load, YAML(typ="safe").load):
        assert read(line) == {"key": text.strip(), "list": [text.strip(), "b"]}


@given(st.text(max_size=40), st.text(max_size=40), st.lists(st.text(max_size=10), max_size=4))
@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_answers_bake_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, description: str, labels: list[str]
) -> None:
    output = tmp_path_factory.mktemp("any")
    answers = {"model_name": f"Bake {name}", "description": description, "labels": ",".join(labels)}
    try:
        repository = replay(output, framework="custom", **answers)
    except FailedHookException:
        assert_nothing_left(output)
    else:
        deploy = yaml.safe_load((repository / "deploy.yml").read_text(encoding="utf-8"))
        assert deploy["service"]["description"] == description.strip()
        assert deploy["model"]["labels"] == [label.strip() for label in ",".join(labels).split(",")]


def replay(output: Path, **answers: Any) -> Path:
    """Bake with answers as a person types them at the prompts: Jinja does not render them again."""
    from slugify import slugify

    context = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    del context["__prompts__"]
    for key, value in context.items():
        if isinstance(value, list) and not key.startswith("_"):
            context[key] = value[0]
    context.update(answers)
    context["__repo_name"] = context["__service_name"] = slugify(context["model_name"])
    output.mkdir(parents=True, exist_ok=True)
    file = output / ".typed.json"
    file.write_text(json.dumps({"cookiecutter": context}), encoding="utf-8")
    return run_cookiecutter(output, replay=str(file))


def cookiecutter_command(output: Path, *answers: str) -> subprocess.CompletedProcess[str]:
    """`cookiecutter` as it is called in a shell."""
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--output-dir", str(output)]
    return subprocess.run(
        [*command, "--config-file", str(settings(output)), *answers],
        capture_output=True,
        text=True,
        check=False,
    )


def assert_nothing_left(output: Path) -> None:
    assert [path.name for path in output.iterdir() if not path.name.startswith(".")] == []
