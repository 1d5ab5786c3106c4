"""Connections that can be cut in the middle, which a web application by itself cannot do."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NoReturn

from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORTS: dict[tuple[str, int], asyncio.Transport] = {}


class Cut(Exception):  # noqa: N818 - it was asked for
    """The connection was cut; nobody hears the answer."""


class CuttableProtocol(H11Protocol):
    """uvicorn's own protocol, which also remembers its connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        if self.client:
            _TRANSPORTS[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """A client went."""
        if self.client:
            _TRANSPORTS.pop(self.client, None)
        super().connection_lost(exc)


def abort(scope: Any) -> NoReturn:
    """Cuts the connection that a request came by.

    Raises:
        Cut: always; the application ends with it.
    """
    client = scope.get("client")
    transport = _TRANSPORTS.get(tuple(client)) if client else None
    if transport is not None:
        transport.abort()
    raise Cut


class NoCutTraceback(logging.Filter):
    """Keeps uvicorn from reporting a cut that was asked for as an error of the application."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to keep the record."""
        return not (record.exc_info and isinstance(record.exc_info[1], Cut))
