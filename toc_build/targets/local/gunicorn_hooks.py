"""gunicorn's configuration file for the local target: loaded by gunicorn, with the scoring code.

Standard library only. GUNICORN_CMD_ARGS names this file; the numbers (threads, time-outs) come the same way.
The hooks write down where a start hangs. In a process of this machine they hold back the public socket until
the supervisor opens the gate; in a container they end the server when the supervisor dies by any means.
"""

from __future__ import annotations

import faulthandler
import functools
import logging
import os
import select
import selectors
import signal
import sys
import threading
import time
from typing import Any

# The sync worker answers `GET /` only between requests, and drops queued connections when it is stopped.
worker_class = "gthread"
# As `--no-control-socket`, which older gunicorns would refuse.
control_socket_disable = True


LIFELINE_GRACE_SECONDS = 3.0  # how long an orphaned server may finish its requests


def on_starting(_server: Any) -> None:
    """The main process has read this file; in a container the supervisor holds its standard input."""
    if os.environ.get("TOC_LIFELINE") == "stdin":
        threading.Thread(target=_end_with_supervisor, name="lifeline", daemon=True).start()


def _end_with_supervisor() -> None:
    while os.read(0, 1024):  # nothing is ever written to it: this waits for its end
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LIFELINE_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)  # the container's other processes end with this one


def when_ready(_server: Any) -> None:
    """The main process is about to start workers: from here on it is their start that can hang."""
    faulthandler.cancel_dump_traceback_later()


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker is about to import the scoring script and call `init()`."""
    logging.getLogger("azmlinfsrv.trace").addFilter(_is_no_guess_at_model_ids)
    remaining = float(os.environ.get("TOC_STACK_AT", 0)) - time.time()
    if remaining > 0:
        faulthandler.dump_traceback_later(remaining, exit=False, file=sys.stderr)


def _is_no_guess_at_model_ids(record: logging.LogRecord) -> bool:
    """Whether to keep a line: the server takes folder names for model versions, and complains."""
    return "fetching model IDs" not in record.getMessage()


def post_worker_init(worker: Any) -> None:
    """`init()` has returned; the worker accepts as soon as this does."""
    faulthandler.cancel_dump_traceback_later()
    if "TOC_GATE_FD" not in os.environ:
        return
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
