"""Writes one value into `deploy.yml` and leaves every other character of it as it is.

`deployment.build` pins the base image with it. ruamel.yaml says where keys and values stand; the file is read
again before it is replaced, and must then say the same as before but for the value.
"""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from toc_build.errors import RepositoryError

# A value on one line, quoted or plain, and behind it what stays: blanks and a comment.
_VALUE = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s#"'|>&*!\[{][^#]*?(?:(?<=\S)#[^#]*?)*)(\s*(?:(?<=\s)#.*)?)""")
_PLAIN = re.compile(r"[A-Za-z0-9./][A-Za-z0-9./:@_+-]*")


def set_text(path: Path, section: str, key: str, value: str) -> None:
    """Makes `section -> key` of a YAML file a text.

    Args:
        path: the file.
        section: a key at the top of the file; added at its end if it is not there.
        key: a key in that section; added first if it is not there.
        value: the text.

    Raises:
        RepositoryError: the file is written in a way that this cannot change safely, or cannot be written.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        changed = _changed(text, section, key, value)
        wanted = _data(text)
        if not isinstance(wanted.get(section), dict):
            wanted[section] = {}
        wanted[section][key] = value
        if _data(changed) != wanted:
            raise _cannot(path, section, key, value, None)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            part.write_bytes(changed.encode("utf-8"))
            part.chmod(path.stat().st_mode & 0o777)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, YAMLError, UnicodeDecodeError, LookupError, AttributeError, TypeError) as error:
        raise _cannot(path, section, key, value, error) from None


def _changed(text: str, section: str, key: str, value: str) -> str:
    """The text with the value in it, by line and column."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    document: Any = YAML().load(text)
    scalar = _scalar(value)
    if section not in document:
        while lines and not lines[-1].strip():
            lines.pop()
        return end.join([*lines, "", f"{section}:", f"  {key}: {scalar}", ""])
    inner: Any = document[section]
    if inner is None:  # `image:` alone
        line = document.lc.key(section)[0]
        return end.join([*lines[: line + 1], f"  {key}: {scalar}", *lines[line + 1 :]])
    if key not in inner:
        line, column = inner.lc.key(next(iter(inner)))
        return end.join([*lines[:line], f"{' ' * column}{key}: {scalar}", *lines[line:]])
    line, column = inner.lc.value(key)
    rest = _VALUE.fullmatch(lines[line][column:])
    if rest is None:
        raise LookupError(f"line {line + 1}")
    lines[line] = f"{lines[line][:column]}{scalar}{rest[1]}"
    return end.join(lines)


def _data(text: str) -> Any:
    return copy.deepcopy(YAML(typ="safe").load(text))


def _scalar(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def _cannot(path: Path, section: str, key: str, value: str, error: Exception | None) -> RepositoryError:
    return RepositoryError(
        f"{path.name} cannot be changed safely by this command.",
        code="TOC-DEPLOY-030",
        where=f"{path.name} {section} -> {key}",
        fix=f"write it by hand: under `{section}:`, `{key}: {_scalar(value)}`.",
        details=None if error is None else str(getattr(error, "strerror", None) or error),
    )
