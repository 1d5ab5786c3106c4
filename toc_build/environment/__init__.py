"""The lock, and the scoring environments that are built from it: exact, shared, built once."""

from toc_build.environment.build import (
    ScoringEnvironment,
    ensure_environment,
    environment_key,
    find_environment,
)
from toc_build.environment.inventory import StoredEnvironment, list_environments, prune
from toc_build.environment.lock import check_lock, lock
from toc_build.environment.tools import ensure_sdk_v1, ensure_test_tools
from toc_build.environment.uv_tool import child_environment

__all__ = [
    "ScoringEnvironment",
    "StoredEnvironment",
    "check_lock",
    "child_environment",
    "ensure_environment",
    "ensure_sdk_v1",
    "ensure_test_tools",
    "environment_key",
    "find_environment",
    "list_environments",
    "lock",
    "prune",
]
