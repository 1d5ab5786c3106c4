"""Finds the Python interpreter of an asked version on this machine, for `build` and `tools`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from toc_build.environment.cache import Progress, quiet
from toc_build.environment.failures import without_credentials
from toc_build.environment.uv_tool import child_environment, run_uv
from toc_build.errors import EnvironmentBuildError
from toc_build.repository.conda import SUPPORTED_PYTHONS

_PROGRAM = re.compile(r"python(3\.\d+)(?:\.exe)?")
_FOLDER = re.compile(r"(?:cpython-)?(3\.\d+)\.\d+(?:-.*)?")


def find_interpreter(version: str, *, progress: Progress = quiet, where: str | None = None) -> Path:
    """The interpreter of a minor version: found, or downloaded by uv where that is allowed.

    Args:
        version: such as `3.11`.
        progress: told when uv downloads one.
        where: the place in the user's files that asked for it.

    Raises:
        EnvironmentBuildError: there is none and none could be had.
    """
    home = Path.home() if Path.home().is_dir() else Path("/")
    found = run_uv(["python", "find", "--no-project", "--system", "--no-python-downloads", version], cwd=home)
    if found.status == 0 and (path := _usable(Path(found.stdout.strip()), version)):
        return path
    # uv gives up at a pyenv shim whose version is not active, although the version itself is installed.
    for candidate in _pyenv_interpreters(version):
        if path := _usable(candidate, version):
            return path
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return Path(sys.executable)
    said = found.stderr
    if _downloads_allowed():
        progress(f"no Python {version} on this machine: uv downloads one")
        installed = run_uv(["python", "install", "--no-bin", version], cwd=home, progress=progress)
        said = installed.stderr
        if installed.status == 0:
            again = run_uv(["python", "find", "--no-project", "--managed-python", version], cwd=home)
            if again.status == 0 and (path := _usable(Path(again.stdout.strip()), version)):
                return path
    raise _no_interpreter(version, without_credentials(said), where)


def installed_versions() -> list[str]:
    """The minor versions of Python that this machine seems to have, oldest first; none is run."""
    names = {f"{sys.version_info.major}.{sys.version_info.minor}"}
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        names.update(match[1] for path in _listed(folder) if (match := _PROGRAM.fullmatch(path.name)))
    folders = [*_pyenv_versions(), *_listed(_uv_pythons())]
    names.update(match[1] for path in folders if (match := _FOLDER.fullmatch(path.name)))
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def _uv_pythons() -> str:
    """The folder of the interpreters that uv has downloaded."""
    return run_uv(["python", "dir"], cwd=Path("/")).stdout.strip()


def _listed(folder: str | Path) -> list[Path]:
    try:
        return list(Path(folder).iterdir()) if str(folder) else []
    except OSError:
        return []


def _pyenv_versions() -> list[Path]:
    roots = [Path(os.environ["PYENV_ROOT"])] if os.environ.get("PYENV_ROOT") else []
    roots.append(Path.home() / ".pyenv")
    return [path for root in roots for path in _listed(root / "versions") if path.is_dir()]


def _pyenv_interpreters(version: str) -> list[Path]:
    """The interpreters that pyenv has of a minor version, newest patch first."""
    fitting = [path for path in _pyenv_versions() if re.fullmatch(rf"{re.escape(version)}\.\d+", path.name)]
    fitting.sort(key=lambda path: int(path.name.rpartition(".")[2]), reverse=True)
    return [path / "bin" / "python" for path in fitting]


def _usable(path: Path, version: str) -> Path | None:
    """The path, when a Python of that version runs there."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env=child_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return path if done.stdout.strip() == version else None


def _downloads_allowed() -> bool:
    asked = os.environ.get("UV_PYTHON_DOWNLOADS", "automatic").lower()
    offline = os.environ.get("UV_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    return asked in {"automatic", "auto", "true", "1", ""} and not offline


def _no_interpreter(version: str, said: str, where: str | None) -> EnvironmentBuildError:
    found = installed_versions()
    there = ", ".join(name for name in found if name in SUPPORTED_PYTHONS) or "none that is supported"
    tried = (
        "uv could not download one"
        if _downloads_allowed()
        else "uv may not download one (UV_PYTHON_DOWNLOADS, UV_OFFLINE)"
    )
    return EnvironmentBuildError(
        f"this machine has no Python {version}, and {tried}; it has {there}.",
        code="TOC-ENV-001",
        where=where,
        fix=f"install it (`uv python install {version}`, `pyenv install {version}`, or your system's "
        "packages), or ask for "
        "another in conda.yml (`python=...`) and make the lock anew: `nox -s lock`.",
        details=said.strip() or None,
    )


def base_interpreter() -> Path:
    """The interpreter that runs toc-build, outside its virtual environment."""
    base = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = (base / "bin" / name, base / "python.exe")
    return next((path for path in candidates if path.exists()), Path(sys.executable))
