"""Starts azmlinfsrv on sockets that its supervisor already holds; runs in the scoring environment.

Run as a program by `server.py`: `<scoring python> launcher.py --entry_script score.py --model_dir model
--port 8890`. It uses the standard library and azureml-inference-server-http only, because nothing else of
toc-build is installed there. The arguments are azmlinfsrv's own.

Environment variables, taken away before the scoring script runs:
    TOC_LISTEN_FDS   listening sockets, comma-separated: the public one, then the private one. They are handed
        on by the systemd protocol (fd 3 and up, LISTEN_FDS, LISTEN_PID), which makes gunicorn ignore the
        `0.0.0.0` that azmlinfsrv would bind.
    TOC_LIFELINE_FD  read end of a pipe whose write end the supervisor holds: end of file means that the
        supervisor is dead.
Read later, by `gunicorn_hooks.py`:
    TOC_GATE_FD      read end of a pipe: while it is open at the other end, the public socket is not accepted
        from.
    TOC_STACK_AT     Unix time in seconds at which the stacks of a start that still hangs are written to the
        log.
"""

from __future__ import annotations

import faulthandler
import importlib.machinery
import os
import select
import signal
import sys
import time
import traceback
from typing import Any, NoReturn

EXIT_SERVER_MISSING = 90  # azureml-inference-server-http is not installed here
EXIT_SERVER_BROKEN = 91  # it is, but cannot be imported
GRACE_SECONDS = 3.0  # how long an orphaned server may finish its requests
FIRST_FD = 3  # by the systemd protocol
FREE_FD = 64  # clear of the numbers that are dealt out


def main() -> None:
    """Arrange the descriptors, start the guard and become azmlinfsrv."""
    del sys.path[0]  # this file's folder: its modules must not shadow the user's
    if os.getpgrp() != os.getpid():
        os.setpgrp()
    listeners = [_lift(int(fd)) for fd in os.environ.pop("TOC_LISTEN_FDS").split(",")]
    lifeline = _lift(int(os.environ.pop("TOC_LIFELINE_FD")))
    gate = _lift(int(os.environ["TOC_GATE_FD"]))
    os.environ["TOC_GATE_FD"] = str(gate)

    _start_guard(lifeline, close=[*listeners, gate])
    os.close(lifeline)
    for number, fd in enumerate(listeners, start=FIRST_FD):
        os.dup2(fd, number, inheritable=True)
        os.close(fd)
    os.environ["LISTEN_FDS"] = str(len(listeners))
    os.environ["LISTEN_PID"] = str(os.getpid())

    keep_bundle_clean(os.environ["AML_APP_ROOT"])
    remaining = float(os.environ["TOC_STACK_AT"]) - time.time()
    if remaining > 0:
        faulthandler.dump_traceback_later(remaining, exit=False)
    _serve()


def _serve() -> None:
    try:
        from azureml_inference_server_http.amlserver import run
    except ModuleNotFoundError as error:
        traceback.print_exc()
        missing = (error.name or "").partition(".")[0] == "azureml_inference_server_http"
        sys.exit(EXIT_SERVER_MISSING if missing else EXIT_SERVER_BROKEN)
    except Exception:  # noqa: BLE001 - whatever stops the import, the supervisor explains it
        traceback.print_exc()
        sys.exit(EXIT_SERVER_BROKEN)
    run()


def keep_bundle_clean(app_root: str) -> None:
    """Import the scoring code without writing bytecode beside it: a bundle is immutable."""
    write = importlib.machinery.SourceFileLoader.set_data

    def write_elsewhere(loader: Any, path: str, data: bytes, **options: Any) -> None:
        if not path.startswith(f"{app_root}/"):
            write(loader, path, data, **options)

    importlib.machinery.SourceFileLoader.set_data = write_elsewhere  # type: ignore[method-assign,assignment]


def _lift(fd: int) -> int:
    """Move a descriptor out of the way of the numbers that are dealt out."""
    import fcntl  # here, because toc-build itself reads the exit codes above, on any system

    lifted = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FREE_FD)
    os.close(fd)
    return lifted


def _start_guard(lifeline: int, close: list[int]) -> None:
    """Fork the process that ends this one, and all its children, when the supervisor dies by any means.

    It is a process, not a thread, because a server whose own main process was killed leaves workers behind
    that hang in `init()` and look at nothing. It is forked before anything is imported, so it is small.
    """
    server = os.getpid()
    if os.fork() != 0:
        return
    try:
        _guard(server, lifeline, close)
    finally:
        os._exit(0)


def _guard(server: int, lifeline: int, close: list[int]) -> NoReturn:
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ):
        signal.signal(number, signal.SIG_IGN)
    for fd in close:
        os.close(fd)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    while os.getppid() == server:
        if select.select([lifeline], [], [], 0.5)[0]:  # nothing is ever written to it: this is end of file
            os.kill(server, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            while os.getppid() == server and time.monotonic() < deadline:
                time.sleep(0.05)
            break
    os.killpg(os.getpgrp(), signal.SIGKILL)
    raise AssertionError("unreachable")  # the group contains this process


if __name__ == "__main__":
    main()
