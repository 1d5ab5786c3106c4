"""Installs the programs that toc-build runs beside a scoring environment and never in it.

Two kinds, each made once: the test tools, a folder that `deployment.checks` puts at the end of the
interpreter's path, behind the environment's own packages, so that the scoring environment stays exactly what
the lock says; and the SDK tools, an environment with an interpreter of its own, in which `targets.azure` runs
an SDK of Azure's.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from toc_build.environment.build import interpreter_in
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
# SDK v1 of Azure ML. Its own bounds hold the rest; these keep a resolver from going back to old releases.
SDK_V1_TOOLS = ("azureml-core>=1.61,<2", "packaging<26")
_FORMAT = 1


def ensure_test_tools(python_version: str, *, progress: Progress | None = None) -> Path:
    """The folder with pytest for a minor version of Python, made once.

    Args:
        python_version: such as `3.11`.
        progress: told in one line what is being done.

    Raises:
        EnvironmentBuildError: it cannot be installed; nothing half-made is left.
    """
    return _ensure(
        TEST_TOOLS,
        python_version,
        what="the test tools",
        whole=lambda folder: (folder / "pytest").is_dir(),
        install=_install_folder,
        progress=progress or quiet,
    )


def ensure_sdk_v1(*, progress: Progress | None = None) -> Path:
    """The interpreter of an environment with azureml-core, for the Python that runs toc-build; made once.

    Args:
        progress: told in one line what is being done.

    Raises:
        EnvironmentBuildError: it cannot be installed; nothing half-made is left.
    """
    folder = _ensure(
        SDK_V1_TOOLS,
        f"{sys.version_info.major}.{sys.version_info.minor}",
        what="azureml-core (SDK v1)",
        whole=lambda folder: interpreter_in(folder).exists(),
        install=_install_environment,
        progress=progress or quiet,
    )
    return interpreter_in(folder)


Install = Callable[[Path, Path, Sequence[str], str, Progress], None]


def _ensure(
    requirements: Sequence[str],
    python_version: str,
    *,
    what: str,
    whole: Callable[[Path], bool],
    install: Install,
    progress: Progress,
) -> Path:
    """The folder with the requirements, made once; `whole` looks whether it is still good."""
    named = f"{what} for Python {python_version}"
    parts = (str(_FORMAT), python_version, platform_tag(), what, *requirements)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    place = tools_dir() / key

    def make(folder: Path) -> None:
        from toc_build.environment.interpreters import find_interpreter

        interpreter = find_interpreter(python_version, progress=progress, where="conda.yml")
        progress(f"installing {named}")
        install(folder, interpreter, requirements, what, progress)
        size = apparent_size(folder)
        made = Marker(key, python_version, tool_version(), time.time(), size, tuple(requirements))
        write_marker(folder, made)

    found = make_once(
        place,
        ready=lambda folder: folder if read_marker(folder) and whole(folder) else None,
        make=make,
        what=named,
        progress=progress,
    )
    touch(place)
    return found


def _install_folder(
    folder: Path, interpreter: Path, requirements: Sequence[str], what: str, progress: Progress
) -> None:
    arguments = ["pip", "install", "--compile-bytecode", "--python", str(interpreter)]
    _uv([*arguments, "--target", str(folder), *requirements], folder, what, progress)


def _install_environment(
    folder: Path, interpreter: Path, requirements: Sequence[str], what: str, progress: Progress
) -> None:
    made = ["venv", "--no-project", "--relocatable", "--python", str(interpreter), str(folder)]
    _uv(made, folder, what, progress)
    arguments = ["pip", "install", "--compile-bytecode", "--python", str(interpreter_in(folder))]
    _uv([*arguments, *requirements], folder, what, progress)


def _uv(arguments: Sequence[str], folder: Path, what: str, progress: Progress) -> None:
    from toc_build.environment.failures import failure
    from toc_build.environment.uv_tool import run_uv

    finished = run_uv(arguments, cwd=folder.parent, progress=progress)
    if finished.status:
        raise failure(finished, task=f"{what} were being installed", area="ENV", place=folder.parent)
