"""The JSON Schema of `deploy.yml` (draft 2020-12), for editors. `toc-build schema` prints it."""

from __future__ import annotations

import json
from typing import Any

from toc_build.repository.schema import DeployConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `deploy.yml`, made from the models that read the file."""
    schema = _tidied(DeployConfig.model_json_schema(mode="validation", by_alias=True))
    definitions = schema["$defs"]
    aks = definitions["AksTarget"]
    aks["properties"]["cluster"] = {
        **aks["properties"]["compute_target_name"],
        "description": "The same as compute_target_name.",
    }
    both = {"replicas": {"type": "integer"}, "autoscale": {"type": "object"}}
    twice = ["compute_target_name", "cluster"]
    aks["not"] = {
        "anyOf": [{"required": list(both), "properties": both}, {"required": twice}],
    }
    networks = {"vnet_name": ["subnet_name"], "subnet_name": ["vnet_name"]}
    definitions["AciTarget"]["dependentRequired"] = networks
    for properties, names in (
        (schema["properties"], ("scoring", "environment", "samples", "azure", "targets")),
        (definitions["TargetsConfig"]["properties"], ("local",)),
        (aks["properties"], ("liveness",)),
    ):
        for name in names:  # a section whose keys are all commented out has its defaults
            section = properties[name]
            reference = section.pop("$ref")
            section.setdefault("description", definitions[reference.rpartition("/")[2]]["description"])
            properties[name] = {"anyOf": [{"$ref": reference}, {"type": "null"}], **section}
    definitions["ModelConfig"]["properties"]["labels"]["uniqueItems"] = True
    return {
        "$schema": DIALECT,
        "title": "deploy.yml of a toc-build model repository",
        **schema,
    }


def json_schema_text() -> str:
    """The JSON Schema as text: the same bytes every time."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidied(value: Any, *, names: bool = False) -> Any:
    """Without pydantic's titles; `names` says that the keys are the user's, not the schema's."""
    if isinstance(value, list):
        return [_tidied(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _tidied(item, names=key in {"properties", "$defs"} and not names)
        for key, item in value.items()
        if names or key != "title"
    }
