"""The small edits that `--fix` makes to what the user wrote: lines added or replaced, no more than that."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def add_line(path: Path, line: str, *, comment: str = "") -> str:
    """Adds a line to a file, which is made when it is not there, and says so."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if line not in text.splitlines():
        gap = "" if not text or text.endswith("\n") else "\n"
        remark = f"# {comment}\n" if comment else ""
        replace_text(path, f"{text}{gap}{remark}{line}\n")
    return f"added `{line}` to {path.name}"


def replace_in_line(path: Path, number: int, old: str, new: str) -> str:
    """Replaces a text within one line of a file, counted from 1, and says so."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    replace_text(path, "".join(lines))
    return f"{path.name}:{number}: {old} is now {new}"


def replace_text(path: Path, text: str) -> None:
    """Writes a file by way of another, with the mode of the one that is there."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
