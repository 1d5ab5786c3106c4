"""The one tree of errors that a user can cause and mend.

Every layer but the runtime raises these; the command line prints them without a traceback and exits with
status 2. Anything else that escapes is a bug of ours: traceback, exit status 70.

    UserError                      what is wrong, where, what to do; a stable code
    ├── RepositoryError            deploy.yml, conda.yml or the folder is not what it must be
    ├── EnvironmentBuildError      the lock or the scoring environment cannot be made
    ├── BundleError                the bundle cannot be assembled
    ├── TargetError                the target refused, failed or was not reachable
    │   └── Rejected               the new version answers wrongly; the old one serves on
    └── ScoreError                 a scorer was asked and did not answer with detections
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

EXIT_USER_ERROR = 2
EXIT_REJECTED = 3
EXIT_BUG = 70


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, told so that a tired engineer can mend it.

    Attributes:
        code: stable identifier, `TOC-<AREA>-<NNN>`; never reused for another meaning.
        what: what is wrong, one sentence.
        where: `file:line`, a key path such as `deploy.yml:12 targets -> aks -> cpu_cores`, or None when
            there is no place.
        fix: what to do about it, or None when `what` already says it.
        details: the evidence, shown whole below: a traceback, another tool's own words. May be many lines.
    """

    code: str
    what: str
    where: str | None = None
    fix: str | None = None
    details: str | None = None

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  -> {self.fix}" if self.fix else ""
        evidence = f"\n{self.details}" if self.details else ""
        return f"{self.code} {place}{self.what}{remedy}{evidence}"


class UserError(Exception):
    """A mistake of the user's, or of the world around the tool: not a bug.

    Args:
        what: what is wrong, one sentence.
        code: stable identifier, `TOC-<AREA>-<NNN>`.
        where: file:line or key path.
        fix: what to do.
        details: evidence to show below.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str,
        where: str | None = None,
        fix: str | None = None,
        details: str | None = None,
    ) -> None:
        self.problems: tuple[Problem, ...] = (Problem(code, what, where, fix, details),)
        super().__init__(what)

    @classmethod
    def collect(cls, problems: Iterable[Problem]) -> Self:
        """One error that carries several problems, in the order given.

        Raises:
            ValueError: `problems` is empty.
        """
        found = tuple(problems)
        if not found:
            raise ValueError("an error needs at least one problem")
        first = found[0]
        error = cls(first.what, code=first.code, where=first.where, fix=first.fix, details=first.details)
        error.problems = found
        return error

    @property
    def code(self) -> str:
        """The code of the first problem."""
        return self.problems[0].code

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class RepositoryError(UserError):
    """`deploy.yml`, `conda.yml` or the model repository's folder is not what it must be."""


class EnvironmentBuildError(UserError):
    """The lock or the scoring environment cannot be made."""


class BundleError(UserError):
    """The bundle cannot be assembled from the model repository."""


class ImageError(UserError):
    """An image cannot be built, read, pushed, signed or run."""


class TargetError(UserError):
    """A target refused, failed or could not be reached."""


class Rejected(TargetError):  # noqa: N818 - the new version was, and it is what a pipeline asks about
    """The new version came up and its answers were judged wrong; what answered before answers on.

    Exit status 3, so that a pipeline can tell wrong answers from a failed start.
    """


class ScoreError(UserError):
    """A scorer was asked for detections and gave none."""
