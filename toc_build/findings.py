"""What a check finds before anything fails: told like a problem, and why it matters.

The doctor's rules make findings of what the user wrote; targets make them of what they see live. A finding of
severity ERROR stops a deployment, a WARNING is shown and recorded, a NOTE is only shown by the doctor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Severity(str, Enum):
    """How much a finding weighs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that will, or may, go wrong.

    Attributes:
        code: stable identifier, `TOC-DOC-NNN` for the doctor's rules; never reused for another meaning.
        severity: how much it weighs.
        what: what was found, one sentence.
        where: `file:line`, a key path such as `deploy.yml:12 targets -> aks -> cpu_cores`, or None.
        why: which failure it prevents, one sentence.
        fix: what to do, one sentence.
        mend: does what `fix` says and returns what was done, in words; None where only a person can decide.
    """

    code: str
    severity: Severity
    what: str
    where: str | None
    why: str
    fix: str
    mend: Callable[[], str] | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "fix": self.fix,
            "fixable": self.mend is not None,
        }
