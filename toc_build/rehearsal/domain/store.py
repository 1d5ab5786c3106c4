"""Everything the rehearsed cloud knows, on disk: JSON documents in SQLite, so that it survives a restart.

A document has a scope (the workspace it belongs to), a kind and a name. Only `domain` uses this.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    scope TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (scope, kind, name)
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""

Document = dict[str, Any]


class Store:
    """Documents by scope, kind and name. Every method may be called from any thread.

    Args:
        path: the database's file; made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def get(self, scope: str, kind: str, name: str) -> Document | None:
        """One document, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM documents WHERE scope=? AND kind=? AND name=?", (scope, kind, name)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, scope: str, kind: str, name: str, document: Document) -> None:
        """Writes a document, whole or not at all."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
                (scope, kind, name, json.dumps(document)),
            )

    def delete(self, scope: str, kind: str, name: str) -> bool:
        """Removes a document; False when there was none."""
        with self._lock:
            done = self._db.execute(
                "DELETE FROM documents WHERE scope=? AND kind=? AND name=?", (scope, kind, name)
            )
        return done.rowcount > 0

    def all(self, scope: str, kind: str) -> list[Document]:
        """All documents of a kind, in the order of their names."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM documents WHERE scope=? AND kind=? ORDER BY name", (scope, kind)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def everywhere(self, kind: str) -> list[tuple[str, Document]]:
        """All documents of a kind in every scope, each with its scope."""
        with self._lock:
            rows = self._db.execute("SELECT scope, body FROM documents WHERE kind=?", (kind,)).fetchall()
        return [(row[0], json.loads(row[1])) for row in rows]

    def next_number(self, name: str) -> int:
        """1, then 2, and so on; never the same again."""
        with self._lock:
            row = self._db.execute(
                "INSERT INTO counters VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                (name,),
            ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._db.close()
