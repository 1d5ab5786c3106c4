"""gunicorn's configuration file for the local target: loaded by gunicorn, inside the scoring environment.

Standard library only. `server.py` names this file in GUNICORN_CMD_ARGS; the numbers (threads, time-outs) come
the same way. The hooks hold back the public socket until the supervisor opens the gate, and write down where
a start hangs.
"""

from __future__ import annotations

import faulthandler
import functools
import logging
import os
import select
import selectors
import sys
import time
from typing import Any

# The sync worker answers `GET /` only between requests, and drops queued connections when it is stopped.
worker_class = "gthread"
# As `--no-control-socket`, which older gunicorns would refuse.
control_socket_disable = True


def when_ready(_server: Any) -> None:
    """The main process is about to start workers: from here on it is their start that can hang."""
    faulthandler.cancel_dump_traceback_later()


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker is about to import the scoring script and call `init()`."""
    logging.getLogger("azmlinfsrv.trace").addFilter(_is_no_guess_at_model_ids)
    remaining = float(os.environ["TOC_STACK_AT"]) - time.time()
    if remaining > 0:
        faulthandler.dump_traceback_later(remaining, exit=False, file=sys.stderr)


def _is_no_guess_at_model_ids(record: logging.LogRecord) -> bool:
    """Whether to keep a line: the server takes folder names for model versions, and complains."""
    return "fetching model IDs" not in record.getMessage()


def post_worker_init(worker: Any) -> None:
    """`init()` has returned; the worker accepts as soon as this does."""
    faulthandler.cancel_dump_traceback_later()
    gate = int(os.environ["TOC_GATE_FD"])
    if select.select([gate], [], [], 0)[0]:  # end of file: open
        os.close(gate)
        return
    public, *private = worker.sockets
    worker.sockets = private
    worker.poller.register(gate, selectors.EVENT_READ, functools.partial(_open_gate, worker, public))


def _open_gate(worker: Any, public: Any, gate: int) -> None:
    worker.poller.unregister(gate)
    os.close(gate)
    if not worker.alive:
        return
    if hasattr(worker, "set_accept_enabled"):
        worker.set_accept_enabled(False)
        worker.sockets.append(public)
        worker.set_accept_enabled(True)
    else:  # gunicorn before 24
        worker.sockets.append(public)
        public.setblocking(False)
        accept = functools.partial(worker.accept, public.getsockname())
        worker.poller.register(public, selectors.EVENT_READ, accept)
