"""The JSON Schema says the same as the models that read the file."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML
from support.repository_files import DEPLOY

from toc_build.repository import DeployConfig, json_schema, json_schema_text
from toc_build.repository.json_schema import DIALECT

GOOD: dict[str, Any] = YAML(typ="safe", pure=True).load(DEPLOY)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good file with one value set, or removed when the value is `...`."""
    data = copy.deepcopy(GOOD)
    *above, last = path.split(".")
    place = data
    for key in above:
        place = place.setdefault(key, {})
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return data


def reads(data: dict[str, Any]) -> bool:
    try:
        DeployConfig.model_validate(data)
    except ValidationError:
        return False
    return True


def test_it_is_a_schema_of_its_dialect() -> None:
    schema = json_schema()
    assert schema["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(schema)


def test_text_is_stable_and_ends_with_a_newline() -> None:
    assert json_schema_text() == json_schema_text()
    assert json_schema_text().endswith("}\n")
    assert json.loads(json_schema_text()) == json_schema()


def test_every_key_is_described_and_no_other_is_admitted() -> None:
    schema = json_schema()
    for section in (schema, *schema["$defs"].values()):
        assert section["additionalProperties"] is False
        for name, value in section["properties"].items():
            meant = schema["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
            assert {**meant, **value}.get("description"), name
            assert "title" not in value


def test_no_key_named_title_is_lost() -> None:
    assert "name" in json_schema()["$defs"]["ServiceConfig"]["properties"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("azure", None),
        ("targets.local", None),
        ("targets.aci", ...),
        ("targets.aks", None),
        ("targets.aks.replicas", None),
        ("azure.workspace_name", None),
        ("azure.location", "${REGION}"),
        ("azure.subscription_id", "prefix-${X}"),
        ("azure.location", "North Europe"),
        ("azure.subscription_id", 7),
        ("service.name", "River"),
        ("service.name", "a" * 33),
        ("service.name", "r-"),
        ("service.extra", 1),
        ("service", ...),
        ("service", None),
        ("model.labels", []),
        ("model.labels", ["a", "a"]),
        ("model.labels", ["a", 1]),
        ("model.labels", [" a"]),
        ("model.labels", "a"),
        ("model.framework", "caffe"),
        ("model.path", ""),
        ("scoring.script", "scoring/my-score.py"),
        ("scoring.threads", 0),
        ("scoring.threads", "4"),
        ("scoring.threads", 65),
        ("scoring.max_request_mb", 0),
        ("scoring.max_request_mb", 0.5),
        ("scoring.max_request_mb", 101),
        ("samples.min_iou", 1),
        ("samples.min_iou", 0),
        ("targets.local.port", 65536),
        ("targets.aci.auth_enabled", "yes"),
        ("targets.aci.tags", {"a": "b"}),
        ("targets.aci.tags", {"a": 1}),
        ("targets.aci.vnet_name", "v"),
        ("targets.aci.dns_name_label", "river"),
        ("targets.aci.dns_name_label", "r"),
        ("targets.aci.ssl", {"cname": "a"}),
        ("targets.aks.cluster", "inference-ml"),
        ("targets.aks.compute_target_name", ...),
        ("targets.aks", {"cluster": "inference-ml"}),
        ("targets.aks.replicas", 3),
        ("targets.aks.auth", "none"),
        ("targets.aks.auth", "maybe"),
        ("targets.gke", {}),
        ("targets.aks.gpu_cores", 17),
    ],
)
def test_schema_and_models_agree(path: str, value: Any) -> None:
    data = changed(path, value)
    assert VALIDATOR.is_valid(data) == reads(data)


def test_good_file_is_valid() -> None:
    assert VALIDATOR.is_valid(GOOD)
    assert reads(GOOD)
