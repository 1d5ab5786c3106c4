"""What would be deployed is what was tested."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.bundle.assembly import describe
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.deployment.records import RECORDS_DIR, read_test_record
from toc_build.errors import UserError
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """There are test records, and none for the present digest."""
    folder = subject.root / RECORDS_DIR / "tests"
    if not subject.repository.lock_path.exists() or not any(folder.glob("*.json")):
        return
    try:
        digest = describe(subject.repository)[0].digest
    except UserError:
        return  # told when the bundle is assembled
    if read_test_record(subject.root, digest) is None:
        yield Found(
            "the repository changed since its last passing test.",
            f"{RECORDS_DIR}/tests",
            "run `nox -s test`.",
        )


RULE = Rule(
    code="TOC-DOC-805",
    severity=Severity.WARNING,
    looks_for="a bundle that changed since its last passing test",
    why="Targets other than local refuse it; a local deploy puts in place what nothing has tested.",
    check=check,
)
