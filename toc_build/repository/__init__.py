"""Reads what the user wrote: `deploy.yml`, `conda.yml` and the folder, typed and checked."""

from toc_build.repository.conda import CondaSpec, Requirement
from toc_build.repository.folder import Repository, load
from toc_build.repository.json_schema import json_schema, json_schema_text
from toc_build.repository.references import resolve
from toc_build.repository.schema import (
    AzureConfig,
    DeployConfig,
    EnvironmentConfig,
    ModelConfig,
    SamplesConfig,
    ScoringConfig,
    ServiceConfig,
)
from toc_build.repository.target_schema import (
    AciTarget,
    AksTarget,
    AutoscaleConfig,
    LocalTarget,
    TargetsConfig,
)

__all__ = [
    "AciTarget",
    "AksTarget",
    "AutoscaleConfig",
    "AzureConfig",
    "CondaSpec",
    "DeployConfig",
    "EnvironmentConfig",
    "LocalTarget",
    "ModelConfig",
    "Repository",
    "Requirement",
    "SamplesConfig",
    "ScoringConfig",
    "ServiceConfig",
    "TargetsConfig",
    "json_schema",
    "json_schema_text",
    "load",
    "resolve",
]
