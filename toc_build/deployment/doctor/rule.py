"""What a rule of the doctor is. Each has a module of its own in `rules`, with one `RULE` in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toc_build.findings import Finding, Severity

if TYPE_CHECKING:
    from toc_build.deployment.doctor.subject import Subject


@dataclass(frozen=True)
class Found:
    """One place where a rule does not hold.

    Attributes:
        what: what was found, one sentence.
        where: `file:line`, or a key path with its line.
        fix: what to do, one sentence.
        mend: does it and says so; None where only a person can decide.
    """

    what: str
    where: str | None
    fix: str
    mend: Callable[[], str] | None = None


@dataclass(frozen=True)
class Rule:
    """One thing that the doctor looks for.

    Attributes:
        code: `TOC-DOC-NNN`, stable.
        severity: of every finding.
        looks_for: what it looks for, as a noun, for the reference.
        why: which failure it prevents, one sentence.
        check: finds the places.
        target: the target that it is about; a plan of another leaves it out. None for all.
        in_plans_only: whether the doctor leaves it to plans.
    """

    code: str
    severity: Severity
    looks_for: str
    why: str
    check: Callable[[Subject], Iterable[Found]]
    target: str | None = None
    in_plans_only: bool = False

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """The findings of this rule."""
        for found in self.check(subject):
            yield Finding(self.code, self.severity, found.what, found.where, self.why, found.fix, found.mend)
