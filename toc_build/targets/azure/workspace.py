"""Which workspace is deployed to: `deploy.yml`, then `.azureml/config.json`, then the environment.

Each of the three values is looked for in that order by itself, so that a repository may name the workspace
and a pipeline the subscription.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toc_build.errors import TargetError
from toc_build.repository import Repository, references

CONFIG_FILES = (".azureml/config.json", "config.json")  # where the SDK and the portal put it
_VALUES = (
    ("subscription_id", "subscription_id", "AZURE_SUBSCRIPTION_ID"),
    ("resource_group", "resource_group", "AZURE_RESOURCE_GROUP"),
    ("workspace_name", "workspace_name", "AZUREML_WORKSPACE"),
)


@dataclass(frozen=True)
class WorkspaceName:
    """What names an Azure ML workspace.

    Attributes:
        subscription_id: a GUID.
        resource_group: its resource group.
        name: the workspace's own name.
        source: where the name was found, for messages.
    """

    subscription_id: str
    resource_group: str
    name: str
    source: str = "deploy.yml"

    def __str__(self) -> str:
        return f"{self.name} ({self.resource_group})"


def find_workspace(repository: Repository, environ: Mapping[str, str] | None = None) -> WorkspaceName:
    """The workspace of a model repository.

    Args:
        repository: a loaded model repository.
        environ: the environment; this process's by default.

    Raises:
        TargetError: a value is nowhere.
        RepositoryError: `deploy.yml` refers to a variable that is not set.
    """
    values = os.environ if environ is None else environ
    file, written = _config_file(repository.root)
    found: dict[str, str] = {}
    sources: list[str] = []
    missing: list[str] = []
    for key, in_file, variable in _VALUES:
        own = getattr(repository.config.azure, key)
        # `${AZURE_SUBSCRIPTION_ID}` unset is no reason not to look on: the template writes it for everybody.
        if own is not None and (own != f"${{{variable}}}" or values.get(variable)):
            found[key] = references.resolve(own, where=repository.where("azure", key), environ=values)
            sources.append("deploy.yml")
        elif written.get(in_file):
            found[key] = str(written[in_file])
            sources.append(file)
        elif values.get(variable):
            found[key] = values[variable]
            sources.append(variable)
        else:
            missing.append(key)
    if missing:
        names = {key: variable for key, _, variable in _VALUES}
        raise TargetError(
            f"the Azure ML workspace is not known: {', '.join(missing)} is given nowhere.",
            code="TOC-AZURE-001",
            where="deploy.yml azure",
            fix=f"write it there, put the workspace's config.json into .azureml/, or set "
            f"{', '.join(names[key] for key in missing)}. To try it without Azure: "
            "toc-build rehearse -- nox -s deploy_aci",
        )
    return WorkspaceName(
        found["subscription_id"], found["resource_group"], found["workspace_name"], sources[-1]
    )


def _config_file(root: Path) -> tuple[str, Mapping[str, Any]]:
    for name in CONFIG_FILES:
        path = root / name
        if not path.is_file():
            continue
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TargetError(
                f"{name} cannot be read: {error}",
                code="TOC-AZURE-002",
                where=name,
                fix="download it again from the workspace's page in the Azure portal.",
            ) from None
        return name, value if isinstance(value, dict) else {}
    return "", {}
