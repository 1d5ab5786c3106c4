"""The server: every rehearsed service on one HTTPS port of 127.0.0.1, and one HTTP port for each address.

Run as a program by `process`: `python -m toc_build.rehearsal.server FOLDER [--fault ...] [--temporary]`. It
writes `server.json` into the folder when it is ready, and ends when its standard input does, or on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from toc_build.rehearsal import faults as fault_texts
from toc_build.rehearsal.balancer import Balancer
from toc_build.rehearsal.control import control_endpoints
from toc_build.rehearsal.deployments import Deployments
from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.records import Service
from toc_build.rehearsal.domain.services import ACI
from toc_build.rehearsal.faults import Faults
from toc_build.rehearsal.log import RequestLog
from toc_build.rehearsal.process import LOG, READY
from toc_build.rehearsal.proxy import FilteringProxy
from toc_build.rehearsal.tls import Certificates, certificates
from toc_build.rehearsal.wire import v1
from toc_build.rehearsal.wire.connections import CuttableProtocol, NoCutTraceback
from toc_build.rehearsal.wire.http import NOT_REHEARSED, Services, route
from toc_build.rehearsal.wire.tokens import Tokens
from toc_build.rehearsal.wire.v1.signin import cloud_metadata
from toc_build.targets.local.identity import ProcessIdentity

LOOPBACK = "127.0.0.1"


class Server:
    """The rehearsal in one process.

    Args:
        folder: its state.
        faults: that are to happen.
    """

    def __init__(self, folder: Path, faults: Faults) -> None:
        self._folder = folder
        self._cloud = Cloud(folder)
        self._certificates: Certificates = certificates(folder / "tls")
        self._log = RequestLog(folder / LOG, self._cloud.clock)
        self._faults = faults
        self._tokens = Tokens(self._cloud.identity, self._cloud.clock)
        self._deployments = Deployments(self._cloud, faults, self._open_address)
        self._balancer = Balancer(self._cloud, self._deployments, self._tokens, faults, self._log)
        self._proxy = FilteringProxy(self._log)
        self._servers: dict[str, uvicorn.Server] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = threading.Lock()
        self._ports: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set; then ends everything that it started."""
        self._loop = asyncio.get_running_loop()
        known = self._known_ports()
        listener = _listen(known.get("port"))
        port = int(listener.getsockname()[1])
        proxy = await self._proxy.start(known.get("proxy"))
        base = f"https://localhost:{port}"
        services = Services(
            self._cloud,
            self._deployments,
            self._faults,
            self._log,
            self._tokens,
            base,
            secrets.token_hex(8),
            self._open_address,
            control := secrets.token_urlsafe(24),
        )
        endpoints = (*v1.ENDPOINTS, *control_endpoints(stop), *NOT_REHEARSED)
        application = Starlette(routes=[route(endpoint, services) for endpoint in endpoints])
        self._serve("management", application, listener, tls=True)
        await asyncio.to_thread(self._deployments.restore)
        self._announce(base, port, proxy, control)
        try:
            await stop.wait()
        finally:
            (self._folder / READY).unlink(missing_ok=True)
            await asyncio.to_thread(self._deployments.stop)
            for server in self._servers.values():
                server.should_exit = server.force_exit = True
            await self._proxy.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._balancer.close()
            self._log.close()
            self._cloud.store.close()

    def _serve(self, name: str, application: Any, listener: socket.socket, *, tls: bool) -> None:
        config = uvicorn.Config(
            application,
            http=CuttableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=30,
            ssl_certfile=str(self._certificates.chain) if tls else None,
            ssl_keyfile=str(self._certificates.chain) if tls else None,
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment] # ours count
        self._servers[name] = server
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
        self._tasks.add(task)

    def _open_address(self, service: Service) -> None:
        """Sees to it that the service's address is listened on; the port goes into it or its cluster."""
        with self._opening:
            if service.kind == ACI:
                name, tls = f"group {service.name} {'https' if service.tls else 'http'}", service.tls
                application = self._balancer.for_group(service.name)
                if name not in self._servers:
                    service.port = self._open(name, application, service.port, tls=tls)
                elif service.port is None:
                    service.port = self._ports[name]
                return
            if not service.cluster:
                return
            cluster = self._cloud.computes.get(service.cluster)
            service.cluster = cluster.name
            ssl = (cluster.document.get("sslConfiguration") or {}).get("status")
            service.tls = ssl in {"Enabled", "Auto"}
            name = f"cluster {cluster.name}"
            if name not in self._servers:
                cluster.port = self._open(
                    name, self._balancer.for_cluster(cluster.name), cluster.port, tls=service.tls
                )
                self._cloud.computes.save(cluster)

    def _open(self, name: str, application: Any, wanted: int | None, *, tls: bool) -> int:
        listener = _listen(wanted)
        port = int(listener.getsockname()[1])
        self._ports[name] = port

        async def serve() -> None:
            self._serve(name, application, listener, tls=tls)

        assert self._loop is not None  # noqa: S101 - it is set before anything can be asked
        asyncio.run_coroutine_threadsafe(serve(), self._loop).result()
        return port

    def _known_ports(self) -> dict[str, int]:
        """The ports of an earlier server on this folder, so that addresses stay."""
        found = self._cloud.store.get("", "ports", "ports")
        return found or {}

    def _announce(self, base: str, port: int, proxy: int, control: str) -> None:
        (self._folder / "clouds.json").write_text(json.dumps(cloud_metadata(base)), encoding="utf-8")
        self._cloud.store.put("", "ports", "ports", {"port": port, "proxy": proxy})
        identity = self._cloud.identity
        content = {
            **ProcessIdentity.of(os.getpid()).to_json(),
            "base": base,
            "proxy": f"http://{LOOPBACK}:{proxy}",
            "control": control,
            "bundle": str(self._certificates.bundle),
            "subscription": identity.subscription,
            "resource_group": identity.resource_group,
            "workspace": identity.workspace,
            "tenant": identity.tenant,
            "client": identity.client,
            "client_secret": identity.client_secret,
        }
        part = self._folder / f".{READY}"
        part.touch(0o600)
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(self._folder / READY)


def _listen(wanted: int | None) -> socket.socket:
    """A socket on 127.0.0.1: on the wanted port when that is free, otherwise on any."""
    for port in dict.fromkeys((wanted or 0, 0)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            listener.close()
            continue
        listener.listen(512)
        return listener
    raise OSError("no port can be had on 127.0.0.1")


async def _main(folder: Path, faults: Faults) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    def wait_for_parent() -> None:
        while os.read(0, 1):  # not sys.stdin: at its end Python waits for whoever holds that
            continue
        loop.call_soon_threadsafe(stop.set)

    if not sys.stdin.isatty() and os.environ.pop("TOC_REHEARSAL_LIFELINE", "") == "1":
        threading.Thread(target=wait_for_parent, name="lifeline", daemon=True).start()
    await Server(folder, faults).run(stop)


def main(arguments: list[str] | None = None) -> int:
    """Runs the server and returns its exit status."""
    parser = argparse.ArgumentParser(prog="toc_build.rehearsal.server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--temporary", action="store_true")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("uvicorn.error").addFilter(NoCutTraceback())
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # connections that were cut on purpose
    waiting = [fault for text in given.fault for fault in fault_texts.parse(text)]
    try:
        asyncio.run(_main(given.folder, Faults(waiting)))
    finally:
        if given.temporary:
            shutil.rmtree(given.folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
