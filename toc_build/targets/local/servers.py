"""Starts a server where its settings say: as a process, or in a container. Called by `service`."""

from __future__ import annotations

import socket
from pathlib import Path

from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.server import Server
from toc_build.targets.local.settings import BundleReference, LocalSettings


def start_server(
    bundle: BundleReference, settings: LocalSettings, public: socket.socket, folder: Path, log: ServiceLog
) -> Server:
    """A server that has been started; it is not ready yet.

    Args:
        bundle: what it serves.
        settings: how.
        public: the service's listening socket; it stays the caller's.
        folder: to be made, for its temporary files; removed at its end.
        log: where its output goes.

    Raises:
        TargetError: it cannot be started.
    """
    if settings.container is None:
        from toc_build.targets.local.server_process import ServerProcess

        return ServerProcess(bundle, settings, public, folder, log)
    from toc_build.targets.local.server_container import ServerContainer

    return ServerContainer(bundle, settings, public, folder, log)
