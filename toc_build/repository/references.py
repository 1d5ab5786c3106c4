"""References to environment variables, `${VARIABLE}`, in the sections `azure` and `targets` of `deploy.yml`.

They are checked when the file is read and looked up only when a command needs the value, so that everything
offline works without them. `folder.Repository.resolve` calls this.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from toc_build.errors import Problem, RepositoryError
from toc_build.repository.patterns import REFERENCE

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LOOSE = re.compile(r"\$[A-Za-z_{]")


def variables(value: str) -> list[str]:
    """The names of the variables that `value` refers to, in order."""
    return _REFERENCE.findall(value)


def syntax_mistake(value: str) -> str | None:
    """What is wrong with the references in `value`; None when nothing is."""
    rest = re.sub(REFERENCE, "", value)
    if not _LOOSE.search(rest):
        return None
    if "${" not in rest:
        return "a reference to an environment variable needs braces"
    if re.search(r"\$\{[^}]*:[-=?+]", rest):
        return "a reference cannot have a default"
    return "a reference to an environment variable is a name in braces: letters, digits and underscores"


def resolve(value: str, *, where: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """`value` with each `${VARIABLE}` replaced by what the environment says.

    Args:
        value: a text of `deploy.yml`.
        where: its place, for the message.
        environ: the environment; that of this process by default.

    Raises:
        RepositoryError: a variable is not set, or set to nothing.
    """
    problems = list(unset(value, where=where, environ=environ))
    if problems:
        raise RepositoryError.collect(problems)
    settings = os.environ if environ is None else environ
    return _REFERENCE.sub(lambda match: settings[match[1]], value)


def unset(value: str, *, where: str | None, environ: Mapping[str, str] | None = None) -> Iterator[Problem]:
    """A problem for each variable in `value` that is not set, or set to nothing."""
    settings = os.environ if environ is None else environ
    for name in dict.fromkeys(variables(value)):
        if not settings.get(name):
            state = "empty" if name in settings else "not set"
            yield Problem(
                "TOC-DEPLOY-023",
                f"the environment variable {name} is {state}.",
                where,
                f"set it (export {name}=...), or write the value in place of ${{{name}}}.",
            )


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in nested data, with its key path; keys of mappings are not texts."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))
