"""What to do about packages of an extra that are not installed: the very toc-build that runs, with the extra.

Its messages name where this toc-build came from (a release, a git URL, a folder), for no index has it under
its name alone. Called by whoever meets a missing package; standard library only.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError

NAME = "toc-build"


def requirement(extra: str) -> str:
    """What an installer is asked for: this toc-build, from where it came, with an extra.

    Args:
        extra: one of pyproject.toml's, such as `rehearsal`.
    """
    try:
        own = Distribution.from_name(NAME)
    except PackageNotFoundError:  # run out of a source tree that was never installed
        return f"{NAME}[{extra}]"
    origin = json.loads(own.read_text("direct_url.json") or "{}")
    url = origin.get("url")
    if url is None:
        return f"{NAME}[{extra}]=={own.version}"
    if "vcs_info" in origin:
        commit = origin["vcs_info"].get("commit_id")
        url = f"{origin['vcs_info']['vcs']}+{url}" + (f"@{commit}" if commit else "")
    if "subdirectory" in origin:
        url += f"#subdirectory={origin['subdirectory']}"
    return f"{NAME}[{extra}] @ {url}"


def how_to_add(extra: str) -> str:
    """What a person does to have the packages of an extra, for a model repository and for a command."""
    wanted = requirement(extra)
    return (
        f'in noxfile.py\'s header, write "{wanted}" in place of what it has for {NAME};'
        f" for this command alone: uv pip install --python {sys.executable} '{wanted}'"
    )
