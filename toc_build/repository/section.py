"""What every section of `deploy.yml` has in common: `schema` and `target_schema` build on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self


class Violation(NamedTuple):
    """One rule between several keys that does not hold.

    Attributes:
        path: the keys from the section down to the one to change.
        what: what is wrong, one sentence.
        fix: what to do.
        code: the code of the problem.
    """

    path: tuple[str | int, ...]
    what: str
    fix: str
    code: str = "TOC-DEPLOY-020"


class Section(BaseModel):
    """A part of `deploy.yml`: no unknown keys, no silent conversion, never changed after it is read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=False
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        return {} if value is None else value  # `azure:` with all its keys commented out

    @model_validator(mode="after")
    def _hold_rules(self) -> Self:
        if violations := list(self.violations()):
            raise PydanticCustomError("rules", "rules between keys", {"violations": violations})
        return self

    def violations(self) -> Iterator[Violation]:
        """The rules between this section's keys that do not hold."""
        return iter(())


def stays_inside(key: str, path: str) -> Iterator[Violation]:
    """A path of the file must be relative, written with `/`, and stay below the repository."""
    posix = PurePosixPath(path)
    if posix.is_absolute() or PureWindowsPath(path).drive or path.startswith(("~", "\\")):
        what = f"{path} is an absolute path, which another machine does not have."
    elif "\\" in path:
        yield Violation(
            (key,),
            f"{path} is written with backslashes.",
            f"write {path.replace(chr(92), '/')}.",
            "TOC-DEPLOY-021",
        )
        return
    elif ".." in posix.parts:
        what = f"{path} leaves the model repository."
    elif posix == PurePosixPath():
        what = f"{path} is the model repository itself."
    else:
        return
    yield Violation(
        (key,),
        what,
        "write a path inside the repository, relative to the folder of deploy.yml.",
        "TOC-DEPLOY-021",
    )
