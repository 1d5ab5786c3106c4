"""The listening sockets of a service, and who holds a port that is taken. Used by the supervisor."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
from pathlib import Path

import psutil

from toc_build.errors import TargetError
from toc_build.targets.local.settings import LOOPBACK

BACKLOG = 512
SUPERVISOR = "toc_build.targets.local.supervisor"  # the module that a detached service runs


def listen(port: int, states: Path | None = None) -> socket.socket:
    """A socket that listens on 127.0.0.1.

    Args:
        port: 0 for any free one.
        states: the folder with the state folders of all services, in which the holder of a taken port is
            looked up.

    Raises:
        TargetError: the port is taken, or this user may not have it.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        _refuse_shared(port)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise port_taken(port, states) from None
        raise TargetError(
            f"port {port} cannot be opened on {LOOPBACK}: {error.strerror or error}",
            code="TOC-LOCAL-004",
            where="deploy.yml targets -> local -> port",
            fix="choose a port from 1024 to 65535, there or with `--port`",
        ) from None
    return listener


def share(listener: socket.socket) -> socket.socket:
    """Another handle of a listening socket, which does not block.

    `socket.dup()` would make the socket block again for everybody who accepts from it.
    """
    shared = socket.socket(fileno=os.dup(listener.fileno()))
    shared.setblocking(False)
    return shared


def port_taken(port: int, states: Path | None) -> TargetError:
    """The error that says who holds the port and what to do."""
    where = "deploy.yml targets -> local -> port"
    other = "set another port there, or give one with `--port`"
    own = own_service(port, states) if states is not None else None
    if own is not None:
        repository, supervisor = own
        gone = not Path(repository).is_dir()
        return TargetError(
            f"port {port} is taken by the service of the model repository {repository}"
            + (", a folder that is gone" if gone else ""),
            code="TOC-LOCAL-003",
            where=where,
            fix=f"end that service with `{f'kill {supervisor}' if gone else 'toc-build delete'}`"
            + ("" if gone else f" in {repository}")
            + f"; or {other}",
        )
    holder = _holder(port)
    who = f"process {holder.pid}: {_command(holder)}" if holder else "a process that this user cannot see"
    return TargetError(
        f"port {port} is taken by {who}",
        code="TOC-LOCAL-002",
        where=where,
        fix=f"end that process; or {other}",
    )


def _refuse_shared(port: int) -> None:
    """Take a port for taken that SO_REUSEADDR would share.

    Outside Linux it allows 127.0.0.1 beside a process that listens on all addresses.
    """
    if port and sys.platform != "linux":
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex((LOOPBACK, port)) == 0:
                raise OSError(errno.EADDRINUSE, "taken")


def held_by(port: int, states: Path) -> str | None:
    """Whose service answers on a port, in words for a person; None when none of ours does.

    Args:
        port: on 127.0.0.1.
        states: the folder with the state folders of all services.
    """
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((LOOPBACK, port)) != 0:
            return None
    own = own_service(port, states)
    if own is not None:
        repository, supervisor = own
        held = f"port {port} is the service's of {repository} (process {supervisor})"
        gone = not Path(repository).is_dir()
        return f"{held}, a folder that is gone: end it with `kill {supervisor}`" if gone else held
    holder = _holder(port)
    while holder is not None:  # its state is gone: a cache that was removed
        with contextlib.suppress(psutil.Error):
            if SUPERVISOR in holder.cmdline():
                return f"port {port} is a service's whose state is gone: end it with `kill {holder.pid}`"
        holder = holder.parent()
    return None


def own_service(port: int, states: Path | None) -> tuple[str, int] | None:
    """The repository of the living service that has the port, and the process to end."""
    from toc_build.targets.local.state import StateFolder

    for file in sorted(states.glob("*/state.json")) if states is not None else ():
        with contextlib.suppress(OSError, ValueError, KeyError, json.JSONDecodeError):
            record = StateFolder(file.parent).read()
            if record is not None and record.port == port and record.supervisor.alive():
                return record.repository or str(file.parent), record.supervisor.pid
    return None


def _holder(port: int) -> psutil.Process | None:
    for process in psutil.process_iter():
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in connections):
            return process
    return None


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200] or process.name()
    except psutil.Error:
        return "(its command cannot be seen)"
