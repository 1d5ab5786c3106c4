"""Runs uv, the one program that resolves and installs here, and says in our words why it failed.

`lock`, `build`, `tools` and `interpreters` call it. The user's own uv settings count (`UV_INDEX`,
`UV_CACHE_DIR`, `UV_PYTHON_DOWNLOADS`, uv.toml); what points at another environment is cleared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toc_build.environment.cache import Progress, quiet
from toc_build.errors import EnvironmentBuildError

# Variables that would make uv, or a build that it starts, work on another environment than it is told.
_CLEARED = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "__PYVENV_LAUNCHER__",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_REQUIRE_HASHES",
    "UV_VENV_SEED",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Finished:
    """How a run of uv ended.

    Attributes:
        status: its exit status; negative for the signal that ended it.
        stdout: what it printed.
        stderr: what it said about it, without colours.
    """

    status: int
    stdout: str
    stderr: str


def uv_program() -> str:
    """The path of the uv program that toc-build brings.

    Raises:
        EnvironmentBuildError: it is not there.
    """
    import shutil

    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise EnvironmentBuildError(
            "the program uv, which toc-build installs with itself, is missing.",
            code="TOC-ENV-011",
            fix=f"install it again: {sys.executable} -m pip install --force-reinstall uv",
        )
    return found


def child_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for uv and for programs of a scoring environment: the user's, less what misleads."""
    kept = dict(os.environ if environ is None else environ)
    for name in _CLEARED:
        kept.pop(name, None)
    kept["NO_COLOR"] = "1"
    kept["UV_NO_PROGRESS"] = "1"
    kept.setdefault("UV_COMPILE_BYTECODE_TIMEOUT", "600")
    return kept


def run_uv(arguments: Sequence[str], *, cwd: Path, progress: Progress = quiet) -> Finished:
    """Runs uv to its end; when this process is interrupted, uv is ended first.

    Args:
        arguments: what follows `uv`.
        cwd: where it runs; it reads project settings from there upwards.
        progress: told each line that uv says.
    """
    process = subprocess.Popen(
        [uv_program(), *arguments],
        cwd=cwd,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        return _follow(process, progress)
    except BaseException:
        _end(process)
        raise
    finally:
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def _follow(process: subprocess.Popen[str], progress: Progress) -> Finished:
    """Reads what uv says until it ends."""
    printed: list[str] = []
    said: list[str] = []
    assert process.stdout is not None  # noqa: S101 - for the type checker: both are pipes
    assert process.stderr is not None  # noqa: S101
    reader = threading.Thread(target=printed.extend, args=(process.stdout,), daemon=True)
    reader.start()
    for raw in process.stderr:
        line = _ANSI.sub("", raw.rstrip("\n"))
        said.append(line)
        if line.strip() and not line.startswith((" ", "Using ", "warning:", "error:")):
            progress(line.strip())
    status = process.wait()
    reader.join()
    return Finished(status, "".join(printed), "\n".join(said))


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
