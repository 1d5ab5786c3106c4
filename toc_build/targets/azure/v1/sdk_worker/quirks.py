"""What must be kept from the SDK, or from the user, so that azureml-core 1.61 can be lived with.

Each function names the defect. Called by `main` before anything of azureml is imported, and by `session`
after.
"""

from __future__ import annotations

import os
from typing import Any

# Seconds: 429 waits this long, 500 and 503 theirs, times the number of the retry. The SDK's own 32 s for a
# single 429 is longer than most deployments' patience; it reads them when it is imported.
_RETRIES = {
    "AZUREML_DEFAULT_BACKOFF": "4",
    "AZUREML_DEFAULT_RETRIES": "3",
    "AZUREML_DEFAULT_500_BACKOFF": "1",
    "AZUREML_DEFAULT_503_BACKOFF": "1",
}


def before_import() -> None:
    """Set what azureml reads when it is imported; what the user has set stays."""
    os.environ.setdefault("AZUREML_LOG_DEPRECATION_WARNING_ENABLED", "False")
    for name, value in _RETRIES.items():
        os.environ.setdefault(name, value)


def after_import() -> None:
    """Take away what the SDK adds by itself."""
    from azureml._base_sdk_common import tracking

    # It puts the git remote of the current folder, credentials included, into every service's properties.
    tracking.global_tracking_info_registry.gather_all = lambda *_args, **_options: {}


def mend_endpoints() -> None:
    """Mends two calls of `AksEndpoint` that fail whatever they are given.

    `create_version(cpu_cores=...)` looks for an attribute that an endpoint does not have; it must be one of
    the class, because one of the instance breaks `update_deployment_state`. `update` passes two arguments too
    few to its own check.
    """
    import inspect

    from azureml.core.webservice import AksEndpoint

    if hasattr(AksEndpoint, "container_resource_requirements"):
        return
    AksEndpoint.container_resource_requirements = None
    check = AksEndpoint._validate_update  # noqa: SLF001
    wanted = len(inspect.signature(check).parameters) - 1

    def lenient(endpoint: Any, *arguments: Any) -> None:
        check(endpoint, *arguments, *[None] * (wanted - len(arguments)))

    AksEndpoint._validate_update = lenient  # noqa: SLF001
