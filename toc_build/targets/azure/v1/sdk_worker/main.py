"""Takes requests one after another and calls what they name. Started by `client.py`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from .channel import Channel, Failure

REQUESTS_VARIABLE = "TOC_WORKER_REQUESTS_FD"
ANSWERS_VARIABLE = "TOC_WORKER_ANSWERS_FD"


def main() -> None:
    """Serve until the other side closes the requests."""
    requests = os.fdopen(int(os.environ.pop(REQUESTS_VARIABLE)), encoding="utf-8")
    answers = os.fdopen(int(os.environ.pop(ANSWERS_VARIABLE)), "w", encoding="utf-8")
    serve(Channel(requests, answers))


def serve(channel: Channel) -> None:
    """Answer every request of the channel."""
    from . import failures, quirks

    quirks.before_import()
    calls: dict[str, Callable[..., Any]] | None = None
    for request in channel.requests():
        try:
            if calls is None:
                calls = _calls(channel)
            value = calls[request["call"]](**request["arguments"])
        except Failure as failure:
            channel.error(failure.kind, failure.message, **failure.more)
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is told, and written to the log
            traceback.print_exc()
            told = failures.explain(error)
            channel.error(told.kind, told.message, **told.more)
        else:
            channel.result(value)
        sys.stdout.flush()


def _calls(channel: Channel) -> dict[str, Callable[..., Any]]:
    from .computes import Computes
    from .endpoints import Endpoints
    from .models import Models
    from .services import Services
    from .session import Session

    session = Session(channel)
    parts = (session, Models(session), Services(session), Endpoints(session), Computes(session))
    return {name: getattr(part, name) for part in parts for name in part.calls}
