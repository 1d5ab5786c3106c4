"""The workspace: deploy.yml, then a config file, then the environment; each value by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toc_build.errors import TargetError
from toc_build.repository import load
from toc_build.targets.azure.workspace import find_workspace

ONE = "00000000-0000-0000-0000-000000000001"
TWO = "00000000-0000-0000-0000-000000000002"
ENVIRON = {
    "AZURE_SUBSCRIPTION_ID": TWO,
    "AZURE_RESOURCE_GROUP": "rg-environment",
    "AZUREML_WORKSPACE": "ws-environment",
}


def write(folder: Path, azure: str) -> None:
    path = folder / "deploy.yml"
    path.write_text(f"{path.read_text()}azure:\n{azure}")


def test_written_in_full(model_repository: Path) -> None:
    write(model_repository, f"  subscription_id: {ONE}\n  resource_group: rg\n  workspace_name: ws1\n")
    found = find_workspace(load(model_repository), ENVIRON)
    assert (found.subscription_id, found.resource_group, found.name) == (ONE, "rg", "ws1")


def test_the_template_s_reference_is_looked_up(model_repository: Path) -> None:
    write(model_repository, "  subscription_id: ${AZURE_SUBSCRIPTION_ID}\n  workspace_name: ws1\n")
    found = find_workspace(load(model_repository), ENVIRON)
    assert (found.subscription_id, found.resource_group, found.name) == (TWO, "rg-environment", "ws1")


@pytest.mark.parametrize("name", [".azureml/config.json", "config.json"])
def test_a_config_file_comes_before_the_environment(model_repository: Path, name: str) -> None:
    path = model_repository / name
    path.parent.mkdir(exist_ok=True)
    values = {"subscription_id": ONE, "resource_group": "rg-file", "workspace_name": "ws-file"}
    path.write_text(json.dumps(values))
    found = find_workspace(load(model_repository), ENVIRON)
    assert (found.subscription_id, found.resource_group, found.name) == (ONE, "rg-file", "ws-file")
    assert found.source == name


def test_a_reference_without_its_variable_does_not_hide_the_config_file(model_repository: Path) -> None:
    write(model_repository, "  subscription_id: ${AZURE_SUBSCRIPTION_ID}\n")
    values = {"subscription_id": ONE, "resource_group": "rg-file", "workspace_name": "ws-file"}
    (model_repository / "config.json").write_text(json.dumps(values))
    assert find_workspace(load(model_repository), {}).subscription_id == ONE


def test_nowhere(model_repository: Path) -> None:
    with pytest.raises(TargetError) as raised:
        find_workspace(load(model_repository), {"AZUREML_WORKSPACE": "ws"})
    problem = raised.value.problems[0]
    assert problem.code == "TOC-AZURE-001"
    assert "subscription_id, resource_group" in problem.what
    assert "AZURE_SUBSCRIPTION_ID" in str(problem.fix)
    assert "AZUREML_WORKSPACE" not in str(problem.fix)


def test_a_config_file_that_is_no_json(model_repository: Path) -> None:
    (model_repository / "config.json").write_text("{")
    with pytest.raises(TargetError) as raised:
        find_workspace(load(model_repository), ENVIRON)
    assert raised.value.code == "TOC-AZURE-002"
