"""Installs what runs a model repository's own tests, beside the scoring environment and not into it.

`deployment.checks` puts the folder at the end of the interpreter's path, behind the environment's own
packages, so that the scoring environment stays exactly what the lock says.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from toc_build.environment.cache import (
    Marker,
    Progress,
    apparent_size,
    make_once,
    platform_tag,
    quiet,
    read_marker,
    tool_version,
    tools_dir,
    touch,
    write_marker,
)

TEST_TOOLS = ("pytest>=8.3,<10",)
_FORMAT = 1


def ensure_test_tools(python_version: str, *, progress: Progress | None = None) -> Path:
    """The folder with pytest for a minor version of Python, made once.

    Args:
        python_version: such as `3.11`.
        progress: told in one line what is being done.

    Raises:
        EnvironmentBuildError: it cannot be installed; nothing half-made is left.
    """
    tell = progress or quiet
    parts = (str(_FORMAT), python_version, platform_tag(), *TEST_TOOLS)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    place = tools_dir() / key
    found = make_once(
        place,
        ready=lambda folder: folder if read_marker(folder) and (folder / "pytest").is_dir() else None,
        make=lambda folder: _install(folder, key, python_version, tell),
        what=f"the test tools for Python {python_version}",
        progress=tell,
    )
    touch(place)
    return found


def _install(folder: Path, key: str, python_version: str, progress: Progress) -> None:
    from toc_build.environment.failures import failure
    from toc_build.environment.interpreters import find_interpreter
    from toc_build.environment.uv_tool import run_uv

    interpreter = find_interpreter(python_version, progress=progress, where="conda.yml")
    progress(f"installing the test tools for Python {python_version}")
    arguments = [
        "pip",
        "install",
        "--compile-bytecode",
        "--python",
        str(interpreter),
        "--target",
        str(folder),
        *TEST_TOOLS,
    ]
    finished = run_uv(arguments, cwd=folder.parent, progress=progress)
    if finished.status:
        raise failure(finished, task="the test tools were being installed", area="ENV", place=folder.parent)
    write_marker(
        folder, Marker(key, python_version, tool_version(), time.time(), apparent_size(folder), TEST_TOOLS)
    )
