"""Builds what a service's environment definition asks for: the counterpart of Azure's image build.

A `requirements.lock` of toc-build that lies in the uploaded code and fits the definition is taken as it is:
exact, and shared with every other command. Otherwise the definition is resolved once with uv, and the result
kept, so that the same definition is built once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from toc_build.environment import ScoringEnvironment, ensure_environment
from toc_build.environment.interpreters import base_interpreter
from toc_build.environment.lock_file import read_lock
from toc_build.environment.uv_tool import run_uv
from toc_build.errors import EnvironmentBuildError
from toc_build.paths import cache_dir
from toc_build.rehearsal.domain.records import EnvironmentDefinition
from toc_build.rehearsal.scorers.failures import BuildFailed

SERVER = "azureml-inference-server-http"
LOCK = "requirements.lock"
_PYTHON = re.compile(r"3\.\d+")
Log = Callable[[str], None]


def build_environment(definition: EnvironmentDefinition, code: Path, log: Log) -> ScoringEnvironment:
    """The scoring environment of a definition.

    Args:
        definition: what is asked for.
        code: the folder of the uploaded code, in which a lock may lie.
        log: given each line of the build's log.

    Raises:
        BuildFailed: it cannot be built; why is in the log.
    """
    python = _python(definition, log)
    requirements = list(_requirements(definition, log))
    lock = _fitting_lock(code, requirements, log)
    try:
        if lock is None:
            lock = _resolve(requirements, python, log)
        log(f"Installing the packages of {lock.name} for Python {python}")
        built = ensure_environment(lock, python, progress=log)
    except EnvironmentBuildError as error:
        for line in str(error).splitlines():
            log(line)
        raise BuildFailed(str(error.problems[0].what)) from None
    log(f"Environment {built.key[:12]} is ready")
    return built


def _python(definition: EnvironmentDefinition, log: Log) -> str:
    found = _PYTHON.match(definition.python)
    if definition.python and not found:
        log(f"The definition asks for Python {definition.python!r}, which cannot be had.")
        raise BuildFailed(f"Python {definition.python!r} cannot be had")
    if not found:
        log("The definition names no Python: an environment needs one, as in python=3.11.")
        raise BuildFailed("the environment names no Python version")
    return found[0]


def _requirements(definition: EnvironmentDefinition, log: Log) -> Iterator[str]:
    for package in definition.conda_packages:
        name, _, version = package.split("::")[-1].partition("=")
        if name.strip() in {"pip", "python", "setuptools", "wheel"}:
            continue
        wanted = f"=={version.strip('= ')}.*" if version.strip("= ") else ""
        log(f"{package} is asked of conda; the rehearsal takes {name.strip()} from PyPI.")
        yield f"{name.strip()}{wanted}"
    for line in definition.requirements:
        if line.lstrip().startswith("-"):
            option = line.split()[0].split("=")[0]  # what follows may hold credentials
            log(f"The option {option} is left out: packages come from where this machine's uv takes them.")
        else:
            yield line
    if definition.server and not any(_name(line) == SERVER for line in definition.requirements):
        yield SERVER


def _name(line: str) -> str:
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def _fitting_lock(code: Path, requirements: list[str], log: Log) -> Path | None:
    """The uploaded lock, when it holds everything that is asked for."""
    from packaging.requirements import InvalidRequirement, Requirement

    for path in sorted({*code.glob(LOCK), *code.glob(f"*/{LOCK}"), *code.glob(f"*/*/{LOCK}")}):
        lock = read_lock(path.read_text(encoding="utf-8", errors="replace"))
        if not lock.intact or not lock.pins:
            continue
        pinned = {pin.name: pin.version for pin in lock.pins}
        try:
            asked = [Requirement(line.split(" --hash")[0]) for line in requirements]
        except InvalidRequirement:
            return None
        missing = [
            str(item)
            for item in asked
            if (item.marker is None or item.marker.evaluate())
            and not item.specifier.contains(pinned.get(_name(item.name), ""), prereleases=True)
        ]
        if not missing:
            log(f"The uploaded {path.relative_to(code)} fits the definition and is taken as it is.")
            return path
        log(f"The uploaded {path.relative_to(code)} does not fit the definition: {', '.join(missing)}")
    return None


def _resolve(requirements: list[str], python: str, log: Log) -> Path:
    """A lock of the definition's requirements; made once."""
    text = "".join(f"{line}\n" for line in requirements)
    key = hashlib.sha256(f"{python}\n{text}".encode()).hexdigest()[:32]
    folder = cache_dir() / "rehearsal" / "locks" / key
    lock = folder / LOCK
    if lock.is_file():
        log("The definition was resolved before.")
        return lock
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requirements.in").write_text(text, encoding="utf-8")
    arguments = ["pip", "compile", "--generate-hashes", "--no-header", "--python-version", python]
    arguments += ["--python", str(base_interpreter()), "--output-file", f"{LOCK}.part", "requirements.in"]
    log(f"Resolving {len(requirements)} requirements")
    finished = run_uv(arguments, cwd=folder, progress=log)
    if finished.status:
        for line in finished.stderr.splitlines():
            log(line)
        raise BuildFailed("the packages that the environment asks for cannot be had together")
    (folder / f"{LOCK}.part").replace(lock)
    return lock
