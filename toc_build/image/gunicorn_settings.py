"""gunicorn's settings inside an image, where GUNICORN_CMD_ARGS names this file. Standard library only.

The same behaviour as on this machine (`toc_build.targets.local.gunicorn_hooks`); the numbers, threads and
time-outs, come through GUNICORN_CMD_ARGS.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import types
from typing import Any

# The sync worker answers `GET /` only between requests, and drops queued connections when it is stopped.
worker_class = "gthread"
# As `--no-control-socket`, which older gunicorns would refuse.
control_socket_disable = True

_EXPORTER = "azure.monitor.opentelemetry.exporter"


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker is about to import the scoring script and call `init()`."""
    logging.getLogger("azmlinfsrv.trace").addFilter(_is_no_guess_at_model_ids)
    if os.environ.get("AML_APP_INSIGHTS_ENABLED", "false").lower() == "false":  # the server sets it so
        with contextlib.suppress(Exception):  # what is wrong with the server, it says itself a moment later
            _import_server_without_exporter()


def _is_no_guess_at_model_ids(record: logging.LogRecord) -> bool:
    """Whether to keep a line: the server takes folder names for model versions, and complains."""
    return "fetching model IDs" not in record.getMessage()


def _import_server_without_exporter() -> None:
    """Imports the part of the server that sends telemetry, and leaves Azure's exporter for when it is called.

    The server imports it whether telemetry is on or not: a fifth of a start, and 21 MB. The stand-in is gone
    when the scoring script is imported, which gets the exporter itself if it asks for it.
    """
    if _EXPORTER in sys.modules:
        return
    sys.modules[_EXPORTER] = _Later(_EXPORTER)
    try:
        importlib.import_module("azureml_inference_server_http.server.appinsights_client")
    finally:
        del sys.modules[_EXPORTER]


class _Later(types.ModuleType):
    """A module whose names are functions that import the module of that name when they are called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def later(*arguments: Any, **keywords: Any) -> Any:
            return getattr(importlib.import_module(self.__name__), name)(*arguments, **keywords)

        return later
