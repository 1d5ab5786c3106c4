"""What was tested: one JSON file per bundle digest in `.toc/tests/`, written when every check passed.

`deployment.checks` writes it; a deploy reads it. A record is made whole or not at all (temp file + rename).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from toc_build.errors import UserError

RECORDS_DIR = ".toc"


@dataclass(frozen=True)
class TestRecord:
    """A passing test of one bundle.

    Attributes:
        digest: of the bundle.
        tested_at: UTC, ISO 8601.
        python: the interpreter's minor version.
        contract: how many cases of the contract passed and were skipped.
        toc_build: version of the tool that tested.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    digest: str
    tested_at: str
    python: str
    contract: Mapping[str, int]
    toc_build: str

    @classmethod
    def now(
        cls,
        *,
        digest: str,
        python: str,
        contract: Mapping[str, int],
        toc_build: str,
        clock: datetime | None = None,
    ) -> TestRecord:
        """A record with the time of now, or of `clock`."""
        moment = clock or datetime.now(timezone.utc)
        return cls(digest, moment.isoformat(timespec="seconds"), python, contract, toc_build)


def _path(repository: Path, digest: str) -> Path:
    return repository / RECORDS_DIR / "tests" / f"{digest.replace(':', '-')}.json"


def write_json(path: Path, value: Any) -> None:
    """Writes `value` to `path` so that a reader sees the old file or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=1, ensure_ascii=False)
            stream.write("\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def unwritable(folder: Path, error: OSError) -> UserError:
    """The error for records that cannot be kept."""
    return UserError(
        f"the record of deployments cannot be written: {error.strerror or error}.",
        code="TOC-APPLY-005",
        where=str(folder),
        fix="make room, or make the folder writable; nothing is deployed that cannot be put on record.",
    )


def write_test_record(repository: Path, record: TestRecord) -> Path:
    """Puts the record where `read_test_record` finds it, and returns that place."""
    path = _path(repository, record.digest)
    write_json(path, asdict(record))
    return path


def read_test_record(repository: Path, digest: str) -> TestRecord | None:
    """The record of a passing test of this very bundle, or None: never tested, or the file is damaged."""
    try:
        return TestRecord(**json.loads(_path(repository, digest).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def delete_test_record(repository: Path, digest: str) -> None:
    """Takes back what was said of this bundle: a later test of it failed."""
    _path(repository, digest).unlink(missing_ok=True)
