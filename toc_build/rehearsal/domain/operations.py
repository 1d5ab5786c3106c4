"""Long work: operations that are asked after again and again, with the log that they stream."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from toc_build.rehearsal.domain.clock import Clock, iso, stamp
from toc_build.rehearsal.domain.records import Operation
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.domain.store import Store


class Operations:
    """The operations of a workspace. Every method may be called from any thread."""

    def __init__(self, store: Store, scope: str, clock: Clock) -> None:
        self._store, self._scope, self._clock = store, scope, clock
        self._lock = threading.RLock()

    def create(self, kind: str, resource: str | None = None) -> Operation:
        """A new operation, running."""
        operation = Operation(uuid.uuid4().hex, kind, iso(self._clock()), resource=resource)
        self._save(operation)
        return operation

    def get(self, identity: str) -> Operation:
        """An operation.

        Raises:
            Refusal: there is none.
        """
        found = self._store.get(self._scope, "operation", identity)
        if found is None:
            raise Refusal("OperationNotFound", f"There is no operation {identity}.", 404)
        return Operation.from_json(found)

    def tell(self, identity: str, line: str) -> None:
        """Streams a line about it."""
        text = line.replace("#", "no. ").replace("|", "/")  # both separate lines in the stream
        with self._changing(identity) as operation:
            operation.told.append([stamp(self._clock()), text])

    def log(self, identity: str, *lines: str) -> None:
        """Adds lines to its build log."""
        with self._changing(identity) as operation:
            operation.log.extend(lines)

    def enter(self, identity: str, step: str) -> None:
        """Says which part of it is running."""
        with self._changing(identity) as operation:
            operation.step = step

    def succeed(self, identity: str, result: str | None = None) -> None:
        """Ends it well; does nothing when it has ended."""
        self._end(identity, "Succeeded", None, result)

    def fail(self, identity: str, error: dict[str, Any]) -> None:
        """Ends it badly; does nothing when it has ended."""
        self._end(identity, "Failed", error, None)

    def cancel(self, identity: str, why: str) -> None:
        """Ends it because it is not wanted any more; does nothing when it has ended."""
        self._end(identity, "Cancelled", {"code": "Cancelled", "statusCode": 409, "message": why}, None)

    def interrupt_all(self, why: str) -> None:
        """Ends what ran when the server was stopped: nobody goes on with it."""
        for document in self._store.all(self._scope, "operation"):
            operation = Operation.from_json(document)
            if not operation.done:
                self.fail(operation.id, {"code": "Interrupted", "statusCode": 500, "message": why})

    def in_background(
        self,
        operation: Operation,
        work: Callable[[], str | None],
        failed: Callable[[Exception], dict[str, Any]],
    ) -> threading.Thread:
        """Does the work in a thread and ends the operation as the work ends.

        Args:
            operation: that the work belongs to.
            work: returns where the result can be had, if there is such a place.
            failed: gives the error to show for what `work` raised.
        """

        def run() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the operation must end
                self.fail(operation.id, failed(error))
            else:
                self.succeed(operation.id, result)

        thread = threading.Thread(target=run, name=f"operation-{operation.id[:8]}", daemon=True)
        thread.start()
        return thread

    def _end(self, identity: str, state: str, error: dict[str, Any] | None, result: str | None) -> None:
        with self._changing(identity) as operation:
            if not operation.done:
                operation.state, operation.error, operation.result = state, error, result
                operation.ended = iso(self._clock())

    @contextlib.contextmanager
    def _changing(self, identity: str) -> Iterator[Operation]:
        with self._lock:
            operation = self.get(identity)
            yield operation
            self._save(operation)

    def _save(self, operation: Operation) -> None:
        self._store.put(self._scope, "operation", operation.id, operation.to_json())
