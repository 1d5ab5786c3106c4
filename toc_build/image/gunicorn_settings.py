"""gunicorn's settings inside an image, where GUNICORN_CMD_ARGS names this file. Standard library only.

The same behaviour as on this machine (`toc_build.targets.local.gunicorn_hooks`); the numbers, threads and
time-outs, come through GUNICORN_CMD_ARGS.
"""

from __future__ import annotations

import logging
from typing import Any

# The sync worker answers `GET /` only between requests, and drops queued connections when it is stopped.
worker_class = "gthread"
# As `--no-control-socket`, which older gunicorns would refuse.
control_socket_disable = True


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker is about to import the scoring script and call `init()`."""
    logging.getLogger("azmlinfsrv.trace").addFilter(_is_no_guess_at_model_ids)


def _is_no_guess_at_model_ids(record: logging.LogRecord) -> bool:
    """Whether to keep a line: the server takes folder names for model versions, and complains."""
    return "fetching model IDs" not in record.getMessage()
