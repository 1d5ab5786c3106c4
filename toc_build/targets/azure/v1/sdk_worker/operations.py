"""Follows one of Azure's long operations: its state, the new lines of its log, its end.

A service that holds the question until something changes is asked again at once; one that answers at once is
asked less and less often. Transient refusals do not end the wait: the side that waits has the deadline.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .failures import words

if TYPE_CHECKING:
    from .session import Session

ENDED = {"Succeeded", "Failed", "Cancelled", "TimedOut"}
_ASK_SECONDS = 90.0
_HOLD_SECONDS = 1
_HELD_SECONDS = 0.9  # an answer that took as long was held by the service: no pause is needed
_LOG_BYTES = 2_000_000
_LOG_LINES = 5000
_LOOK_SECONDS = 2.5


def last_part(endpoint: str | None) -> str | None:
    """The operation's id in its address."""
    return endpoint.rstrip("/").rsplit("/", 1)[-1] if endpoint else None


class LogWatch:
    """Looks at a service's log while it starts, side by side with the wait for its operation.

    Azure tries a container that ends in `init()` again and again before it says that it failed; the cause
    stands in its log from the first time on. A `container` event holds the whole log when it has changed.

    Args:
        session: the signed-in worker.
        name: of the service.
    """

    def __init__(self, session: Session, name: str) -> None:
        self._session, self._name = session, name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> LogWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _look(self) -> None:
        from azureml.core.webservice import Webservice

        seen = ""
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                text = str(
                    Webservice(self._session.workspace, self._name).get_logs(num_lines=_LOG_LINES) or ""
                )
            except Exception:  # noqa: BLE001, S112 - not there yet, or Azure is busy: the wait itself tells of it
                continue
            if text != seen and not self._ended.is_set():
                seen = text
                self._session.channel.event("container", text)


def follow(
    session: Session,
    operation: str,
    pause_seconds: list[float],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Wait for the end of an operation.

    Args:
        session: the signed-in worker; gets `operation` events with the phase, and `log` events.
        operation: its id.
        pause_seconds: between two questions, the last one for ever.
        sleep: waits.
        clock: gives seconds.

    Returns:
        `state`, `phase` (`BuildEnvironment`, `DeployService` or empty), `message`, `code`, and `log`: the
        build's.
    """
    from azureml._model_management._util import _get_mms_url
    from azureml.exceptions import WebserviceException
    from requests.exceptions import RequestException

    url = f"{_get_mms_url(session.workspace)}/operations/{operation}"
    pauses = itertools.chain(pause_seconds, itertools.repeat(pause_seconds[-1]))
    offset, phase, refused = 0, "", 0
    while True:
        asked = clock()
        try:
            found = _ask(session, url, offset)
            refused = 0
            session.channel.event("tick")  # the other side looks at its deadline
        except (RequestException, WebserviceException) as error:
            refused += 1
            if refused > 20 or _final(error):
                raise
            session.channel.event("progress", f"Azure did not answer: {words(error).splitlines()[0]}")
            sleep(next(pauses))
            continue
        now = (found.get("operationDetails") or {}).get("subOperationType") or ""
        if now != phase:
            phase = now
            session.channel.event("operation", phase)
        text = found.get("streamingOperationLog") or ""
        offset += len(text)
        for line in _lines(text):
            session.channel.event("log", line)
        if found["state"] in ENDED:
            return _ended(found, phase)
        if clock() - asked < _HELD_SECONDS:
            sleep(next(pauses))


def _ask(session: Session, url: str, offset: int) -> dict[str, Any]:
    from azureml._model_management._util import get_requests_session
    from azureml._restclient.clientbase import ClientBase

    headers = {
        **session.workspace._auth_object.get_authentication_header(),  # noqa: SLF001 - as the SDK's own wait
        "Prefer": f"wait={_HOLD_SECONDS}",  # RFC 7240: how long the service may hold the question
    }
    answer = ClientBase._execute_func(  # noqa: SLF001
        get_requests_session().get, url, headers=headers, params={"offset": offset}, timeout=_ASK_SECONDS
    )
    answer.raise_for_status()
    value: dict[str, Any] = answer.json()
    return value


def _final(error: BaseException) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return isinstance(status, int) and status < 500 and status not in (401, 408, 429)


def _lines(text: str) -> list[str]:
    """The lines in Azure's form: `yyyymmddHHMMSS|words#...`."""
    return [part.split("|", 1)[-1].strip() for part in text.split("#") if part.strip()]


def _ended(found: dict[str, Any], phase: str) -> dict[str, Any]:
    from .failures import collect

    error = found.get("error") or {}
    lines: list[str] = []
    collect(error, lines)
    message = "\n".join(dict.fromkeys(lines)).replace("\\r\\n", "\n").replace("\\n", "\n")
    log = ""
    if found["state"] != "Succeeded" and phase in ("BuildEnvironment", "BuildImage"):
        log = _build_log(found.get("operationLog"))
    return {
        "state": found["state"],
        "phase": phase,
        "message": message,
        "code": error.get("code"),
        "log": log,
    }


def _build_log(address: str | None) -> str:
    """The build's log, whole or its end; its address holds a signature and is never told."""
    import requests

    if not address:
        return ""
    try:
        answer = requests.get(address, timeout=30)
        answer.raise_for_status()
    except requests.RequestException:
        return ""
    text: str = answer.text
    return text[-_LOG_BYTES:]
