"""JSON lines to and from the process that started this one. Used by every module here."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Iterator
from typing import Any, TextIO


class Failure(Exception):  # noqa: N818 - it is told to the other side, not caught here
    """Something that the other side must know: a kind it can act on, the cause whole.

    Args:
        kind: what went wrong, such as `not-found`, `sign-in`, `http`, `deployment`.
        message: the cause, in Azure's or the SDK's own words.
        more: what else is known, such as `status`, the HTTP status.
    """

    def __init__(self, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.kind, self.message, self.more = kind, message, more


class Channel:
    """The two descriptors.

    Args:
        requests: where requests are read from; its end ends this process, whatever it is doing.
        answers: where events, results and errors are written to.
    """

    def __init__(self, requests: TextIO, answers: TextIO) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, args=(requests,), daemon=True).start()

    def _read(self, requests: TextIO) -> None:
        for line in requests:
            self._queue.put(json.loads(line))
        os._exit(0)  # the other side has gone: nobody wants an answer

    def requests(self) -> Iterator[dict[str, Any]]:
        """Every request, as it comes."""
        while True:
            yield self._queue.get()

    def event(self, kind: str, text: str = "", **more: Any) -> None:
        """Tells what is going on: `log` for a line of another's log, `progress` for words, `note`."""
        self._write({"event": kind, "text": text, **more})

    def result(self, value: Any) -> None:
        """Ends a request that went well."""
        self._write({"result": value})

    def error(self, kind: str, message: str, **more: Any) -> None:
        """Ends a request that did not."""
        self._write({"error": {"kind": kind, "message": message, **more}})

    def _write(self, value: dict[str, Any]) -> None:
        with self._lock:
            self._answers.write(json.dumps(value, default=str) + "\n")
            self._answers.flush()
