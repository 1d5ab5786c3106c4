"""The proxy that a rehearsed command goes out by: package indexes through, Azure refused.

A forward proxy on 127.0.0.1 for HTTP and, by CONNECT, HTTPS. It passes on to the proxy that the user had
before, if there was one. Programs that ignore proxies go round it; the SDK does not.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from urllib.parse import unquote, urlsplit

from toc_build.rehearsal.log import RequestLog

# Hosts of Azure and of what azureml-core reports to; subdomains count. The storage and registry hosts of a
# workspace are below these.
AZURE = (
    "aka.ms",
    "api.azureml.ms",
    "applicationinsights.azure.com",
    "azure.cn",
    "azure.com",
    "azure.net",
    "azure.us",
    "azureml.ms",
    "azureml.net",
    "azurecontainer.io",
    "azurecr.io",
    "azureedge.net",
    "azurewebsites.net",
    "chinacloudapi.cn",
    "cloudapp.net",
    "cortanaanalytics.com",
    "cortanaintelligence.com",
    "login.microsoft.com",
    "mcr.microsoft.com",
    "microsoftazure.de",
    "microsoftonline.com",
    "usgovcloudapi.net",
    "visualstudio.com",
    "windows.net",
)
# Python packages and interpreters of Microsoft's own indexes are no calls to a cloud.
ALLOWED = ("pkgs.dev.azure.com", "pkgs.visualstudio.com")
_HEAD_LIMIT = 64 << 10


def is_azure(host: str) -> bool:
    """Whether a host is part of the real cloud."""
    host = host.lower().rstrip(".")
    if any(host == name or host.endswith(f".{name}") for name in ALLOWED):
        return False
    return any(host == name or host.endswith(f".{name}") for name in AZURE)


class FilteringProxy:
    """Listens on 127.0.0.1 once it is started.

    Args:
        log: told what was refused.
    """

    def __init__(self, log: RequestLog) -> None:
        self._log = log
        self._server: asyncio.Server | None = None
        upstream = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or ""
        self._upstream = urlsplit(upstream) if upstream.startswith("http://") else None

    async def start(self, wanted: int | None) -> int:
        """Begins to listen, on the wanted port when it is free; returns the port."""
        for port in dict.fromkeys((wanted or 0, 0)):
            with contextlib.suppress(OSError):
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_HEAD_LIMIT)
                return int(self._server.sockets[0].getsockname()[1])
        raise OSError("no port can be had on 127.0.0.1")

    async def close(self) -> None:
        """Ends it; connections that are open are cut."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._one(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # a client or a server went away, or sent what is no request
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.decode("latin-1").split(" ", 2)
        address = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = address.hostname or "", address.port or (443 if method == "CONNECT" else 80)
        if is_azure(host):
            self._log.write(
                step="proxy", method=method, path=f"{host}:{port}", status=403, note="refused: Azure"
            )
            message = b"refused by toc-build rehearse: this is the real cloud\n"
            writer.write(
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(message)
            )
            writer.write(message)
            await writer.drain()
            return
        try:
            out_reader, out_writer = await self._connect(method, host, port)
        except OSError as error:
            writer.write(f"HTTP/1.1 502 {type(error).__name__}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        if method == "CONNECT" and self._upstream is None:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        elif self._upstream is not None:
            out_writer.write(line + b"\r\n" + self._credentials() + rest)
        else:
            path = f"{address.path or '/'}{'?' + address.query if address.query else ''}"
            kept = b"\r\n".join(
                item
                for item in rest.split(b"\r\n")
                if not item.lower().startswith((b"proxy-", b"connection:"))
            )
            first = f"{method} {path} {version}\r\nConnection: close\r\n".encode("latin-1")
            out_writer.write(first + kept)
        try:
            await asyncio.gather(_copy(reader, out_writer), _copy(out_reader, writer))
        finally:
            out_writer.close()

    async def _connect(
        self, _method: str, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._upstream is not None:
            return await asyncio.open_connection(self._upstream.hostname, self._upstream.port or 80)
        return await asyncio.open_connection(host, port)

    def _credentials(self) -> bytes:
        if self._upstream is None or not self._upstream.username:
            return b""
        pair = f"{unquote(self._upstream.username)}:{unquote(self._upstream.password or '')}"
        return b"Proxy-Authorization: Basic " + base64.b64encode(pair.encode()) + b"\r\n"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes bytes on until there are no more."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
