"""Makes `requirements.lock` from `conda.yml` with uv, and checks offline that a lock fits.

`toc-build lock` and `deployment.prepare` call it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from packaging.version import InvalidVersion, Version

from toc_build.environment.cache import Progress, quiet
from toc_build.environment.failures import failure
from toc_build.environment.interpreters import base_interpreter
from toc_build.environment.lock_file import LockFile, inputs_hash, lock_text, read_lock, with_hashes_of
from toc_build.environment.uv_tool import run_uv
from toc_build.errors import EnvironmentBuildError
from toc_build.repository import Repository
from toc_build.repository.conda_rules import AZUREML_DEFAULTS_FLOOR

MAKE_IT = "make it: `nox -s lock`."
MAKE_IT_ANEW = "make it anew: `nox -s lock`."


def lock(
    repository: Repository, *, upgrade: bool = False, rehash: bool = False, progress: Progress = quiet
) -> Path:
    """Writes exact versions with hashes of what `conda.yml` asks for, for every platform.

    Versions that the lock names already are kept where they still fit.

    Args:
        repository: the model repository.
        upgrade: take the newest versions instead.
        rehash: keep the hashes that the lock has, beside those of the files that there are now.
        progress: told what uv does.

    Returns:
        The path of the lock.

    Raises:
        EnvironmentBuildError: no set of versions fits, the index cannot be reached, or the lock cannot be
            written. The lock that was there is then still there, unchanged.
    """
    spec, path = repository.conda, repository.lock_path
    kept = "" if upgrade else _kept_pins(path)
    where = f"{repository.config.environment.conda}:{spec.source.line(('dependencies',))}"
    with tempfile.TemporaryDirectory(prefix="toc-build-lock-") as name:
        folder = Path(name)
        requirements = "".join(f"{item.text}\n" for item in spec.requirements)
        (folder / "requirements.in").write_text(requirements, encoding="utf-8")
        # Without this, uv also looks for versions for every later Python, and may find none.
        later = f"python_full_version < '{_next_minor(spec.python)}'"
        (folder / "pyproject.toml").write_text(f'[tool.uv]\nenvironments = ["{later}"]\n', encoding="utf-8")
        (folder / "requirements.lock").write_text(kept, encoding="utf-8")
        arguments = [
            "pip",
            "compile",
            "--universal",
            "--generate-hashes",
            "--no-header",
            "--python-version",
            spec.python,
        ]
        arguments += [
            "--python",
            str(base_interpreter()),
            "--output-file",
            "requirements.lock",
            "requirements.in",
        ]
        finished = run_uv(arguments, cwd=folder, progress=progress)
        if finished.status:
            raise failure(
                finished, task="conda.yml was being resolved", area="LOCK", place=folder, where=where
            )
        body = (folder / "requirements.lock").read_text(encoding="utf-8")
    conda_name = Path(repository.config.environment.conda).name
    body = body.replace("-r requirements.in", conda_name).replace(f" ; {later} \\\n", " \\\n")
    if rehash and path.exists():
        body = with_hashes_of(path.read_text(encoding="utf-8"), body)
    text = lock_text(spec, conda_name, body)
    _refuse_old_azureml(read_lock(text), repository)
    _write(path, text)
    return path


def check_lock(repository: Repository) -> None:
    """Checks that the lock fits `conda.yml`; offline, without uv.

    Raises:
        EnvironmentBuildError: it is missing, stale, edited or without hashes.
    """
    path, shown = repository.lock_path, repository.config.environment.lock
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise EnvironmentBuildError(
            f"there is no {shown}: nothing says which exact versions score.",
            code="TOC-LOCK-001",
            where=shown,
            fix=MAKE_IT,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise EnvironmentBuildError(
            f"{shown} cannot be read: {reason}.", code="TOC-LOCK-002", where=shown, fix=MAKE_IT_ANEW
        ) from None
    found = read_lock(text)
    conda = repository.config.environment.conda
    if found.inputs is None:
        raise EnvironmentBuildError(
            f"{shown} was not made by toc-build: it does not say what it was made from.",
            code="TOC-LOCK-003",
            where=f"{shown}:1",
            fix=MAKE_IT_ANEW,
        )
    if found.inputs != inputs_hash(repository.conda):
        raise EnvironmentBuildError(
            f"{shown} was made before the Python version or the requirements in {conda} changed.",
            code="TOC-LOCK-004",
            where=f"{shown}:1",
            fix=MAKE_IT_ANEW,
        )
    if bare := next((pin for pin in found.pins if not pin.hashes), None):
        raise EnvironmentBuildError(
            f"{bare.requirement} has no hash, so that another file of that name would be installed "
            "unnoticed.",
            code="TOC-LOCK-005",
            where=f"{shown}:{bare.line}",
            fix=MAKE_IT_ANEW,
        )
    if not found.intact:
        line = found.strange[0] if found.strange else 1
        raise EnvironmentBuildError(
            f"{shown} was changed after it was made, by hand or by a merge.",
            code="TOC-LOCK-006",
            where=f"{shown}:{line}",
            fix=f"change {conda} instead, and make the lock anew: `nox -s lock`.",
        )


def _next_minor(python: str) -> str:
    major, minor = python.split(".")
    return f"{major}.{int(minor) + 1}"


def _kept_pins(path: Path) -> str:
    """The versions of the lock that is there, for uv to prefer; without hashes, which uv asks for anew."""
    try:
        found = read_lock(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return "".join(f"{pin.requirement}\n" for pin in found.pins)


def _refuse_old_azureml(found: LockFile, repository: Repository) -> None:
    """Refuses what a resolver does with a bare numpy: azureml-defaults of 2020."""
    asked = repository.conda.requirement("azureml-defaults")
    if asked and any(item.operator in {"==", "==="} for item in asked.parsed.specifier):
        return  # the user's own choice
    for pin in found.pins:
        if pin.name != "azureml-defaults":
            continue
        try:
            old = Version(pin.version) < AZUREML_DEFAULTS_FLOOR
        except InvalidVersion:
            continue
        if old:
            where = (
                repository.conda.source.where(*asked.path) if asked else repository.config.environment.conda
            )
            raise EnvironmentBuildError(
                f"the resolver fell back to azureml-defaults {pin.version}: newer ones need numpy below "
                "2.3.3, and another "
                "requirement asks for a newer numpy or one of their other limits is broken.",
                code="TOC-LOCK-010",
                where=where,
                fix=f"write `azureml-defaults>={AZUREML_DEFAULTS_FLOOR}` and `numpy>=1.26,<2.3.3`; uv then "
                "names what stands "
                "against it. The lock is unchanged.",
            )


def _write(path: Path, text: str) -> None:
    """Temp file and rename: the lock is the old one or the new one, never a half."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(text, encoding="utf-8", newline="\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentBuildError(
            f"the lock cannot be written: {error.strerror or error}.",
            code="TOC-LOCK-011",
            where=str(path),
            fix="make the folder writable for you.",
        ) from None
