"""The environment variables of a server process: what Azure sets, and nothing that leaks in from a shell.

Used by `server.py`.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path

from toc_build.targets.local.settings import BundleReference, LocalSettings

HOOKS = Path(__file__).with_name("gunicorn_hooks.py")
# azmlinfsrv and gunicorn read these; a value left in a shell would change how the model is served here and
# nowhere else.
_CLEARED_PREFIXES = ("AZUREML_", "AML_", "APP_INSIGHTS_", "GUNICORN_", "LISTEN_", "TOC_")
_CLEARED = {
    "HEALTH_PORT",
    "HTTP_X_MS_SERVER_VERSION",
    "NOTIFY_SOCKET",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "SCORING_TIMEOUT_MS",
    "SEPERATE_HEALTH_ENDPOINT",
    "SERVER_PORT",
    "SERVER_SOFTWARE",
    "SERVER_VERSION_LOG_RESPONSE_ENABLED",
    "SERVICE_NAME",
    "SERVICE_PATH_PREFIX",
    "SERVICE_VERSION",
    "TRANSPORT_PROTOCOL",
    "VIRTUAL_ENV",
    "WEB_CONCURRENCY",
    "WORKER_COUNT",
    "WORKER_PRELOAD",
    "WORKER_TIMEOUT",
    "WORKSPACE_NAME",
    "__PYVENV_LAUNCHER__",
}
# gunicorn kills a worker that shows no sign of life for so long, and init() counts: the readiness deadline
# must come first.
_MIN_WORKER_TIMEOUT = 300


def server_environment(
    base: Mapping[str, str], bundle: BundleReference, settings: LocalSettings, temp_dir: Path
) -> dict[str, str]:
    """The environment of a server, without the launcher's descriptors.

    Args:
        base: the environment to start from.
        bundle: what to serve.
        settings: how.
        temp_dir: the server's own folder for temporary files, so that one it leaks is seen.
    """
    kept = {
        name: value
        for name, value in base.items()
        if name not in _CLEARED and not name.startswith(_CLEARED_PREFIXES)
    }
    gunicorn = [
        "--config",
        str(HOOKS),
        "--threads",
        str(settings.threads),
        "--graceful-timeout",
        str(math.ceil(settings.timeout_seconds)),
    ]
    return {
        **kept,
        "AML_APP_ROOT": str(bundle.code),
        "AZUREML_ENTRY_SCRIPT": str(bundle.code / "score.py"),
        "AZUREML_MODEL_DIR": str(bundle.model),
        "GUNICORN_CMD_ARGS": shlex.join(gunicorn),
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "PYTHONUNBUFFERED": "1",
        "SCORING_TIMEOUT_MS": str(math.ceil(settings.timeout_seconds * 1000)),
        "TMPDIR": str(temp_dir),
        "TOC_SCORING_SETTINGS": str(bundle.code / "scoring.json"),
        "WORKER_COUNT": str(settings.workers),
        "WORKER_TIMEOUT": str(max(_MIN_WORKER_TIMEOUT, math.ceil(settings.readiness_seconds) + 60)),
    }
