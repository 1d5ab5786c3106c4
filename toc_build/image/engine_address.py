"""Where this machine's container engine listens: `find`. Used by `engine`; opens sockets, sends nothing.

What the user named comes first (DOCKER_HOST, then a docker context); without that, the places where
Docker and podman, rootful or not, put their sockets.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from toc_build.errors import TargetError

CONNECT_SECONDS = 3.0
_HERE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class EngineAddress:
    """An engine's address.

    Attributes:
        url: such as `unix:///var/run/docker.sock`.
        named_by: what the user named it with, such as `DOCKER_HOST`; None for a place that was looked into.
    """

    url: str
    named_by: str | None = None

    @property
    def socket(self) -> Path | None:
        """The socket's path; None for TCP."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def find(environ: Mapping[str, str] = os.environ, home: Path | None = None) -> EngineAddress:
    """The engine that answers.

    Args:
        environ: environment variables.
        home: the user's home folder.

    Raises:
        TargetError: none is installed, the one that there is does not listen, this user may not use it, or
            it is on another machine, where nothing of it could be reached on loopback.
    """
    named = _named(environ)
    if named is not None:
        _require_here(named)
        refusal = _refusal(named)
        if refusal is not None:
            raise refusal
        return named
    places = list(usual_places(environ, home or Path.home()))
    refusals = []
    for place in places:
        if not place.exists():
            continue
        address = EngineAddress(f"unix://{place}")
        refusal = _refusal(address)
        if refusal is None:
            return address
        refusals.append(refusal)
    if refusals:
        raise refusals[0]
    raise TargetError(
        "no container engine was found on this machine",
        code="TOC-ENGINE-002",
        where="deploy.yml targets -> local -> engine",
        fix="install Docker or podman and start it, or name its socket in DOCKER_HOST; `engine: process`"
        " needs none",
        details="Looked for:\n" + "\n".join(f"  {place}" for place in places),
    )


def usual_places(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Where engines put their sockets, the likeliest first."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    yield Path("/var/run/docker.sock")
    if runtime:
        yield Path(runtime, "docker.sock")
    for relative in (
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".colima/default/docker.sock",
        ".rd/docker.sock",
        ".orbstack/run/docker.sock",
    ):
        yield home / relative
    if runtime:
        yield Path(runtime, "podman", "podman.sock")
    yield Path("/run/podman/podman.sock")


def _named(environ: Mapping[str, str]) -> EngineAddress | None:
    """What the user named: as the docker command line does, DOCKER_HOST before any context."""
    if host := environ.get("DOCKER_HOST"):
        return EngineAddress(host, "DOCKER_HOST")
    from docker.context import ContextAPI
    from docker.errors import DockerException

    try:
        context = ContextAPI.get_context(environ.get("DOCKER_CONTEXT"))
    except DockerException as error:
        raise TargetError(
            f"the docker context cannot be read: {error}",
            code="TOC-ENGINE-006",
            where="DOCKER_CONTEXT" if environ.get("DOCKER_CONTEXT") else "~/.docker/config.json",
            fix="see `docker context ls`, or name the engine in DOCKER_HOST",
        ) from None
    if context is None or context.name == "default" or not context.Host:
        return None
    return EngineAddress(context.Host, f"docker context {context.name!r}")


def _require_here(address: EngineAddress) -> None:
    """Refuse an engine on another machine."""
    parts = urlsplit(address.url)
    if parts.scheme == "unix" or (parts.scheme in ("tcp", "http", "https") and parts.hostname in _HERE):
        return
    raise TargetError(
        f"the container engine {address.url} is not on this machine, so the local target cannot use it",
        code="TOC-ENGINE-005",
        where=address.named_by,
        fix="name an engine of this machine in DOCKER_HOST, or set `engine: process`",
    )


def _refusal(address: EngineAddress) -> TargetError | None:
    """Why nobody takes a connection there; None when somebody does."""
    try:
        if address.socket is not None:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(CONNECT_SECONDS)
                connection.connect(str(address.socket))
        else:
            parts = urlsplit(address.url)
            socket.create_connection((parts.hostname or "", parts.port or 2375), CONNECT_SECONDS).close()
    except PermissionError:
        return TargetError(
            f"this user may not use the container engine at {address.socket}",
            code="TOC-ENGINE-003",
            where=address.named_by or str(address.socket),
            fix="join its group (`sudo usermod -aG docker $USER`, then log in again), or use a rootless"
            " engine",
        )
    except OSError as error:
        reason = (
            "there is no such socket" if isinstance(error, FileNotFoundError) else "nothing answers there"
        )
        return TargetError(
            f"the container engine at {address.url} is not running: {reason}",
            code="TOC-ENGINE-004",
            where=address.named_by or str(address.socket),
            fix="start it (`sudo systemctl start docker`, Docker Desktop,"
            " `systemctl --user start podman.socket`)"
            + (f", or change {address.named_by}" if address.named_by else ""),
        )
    return None
