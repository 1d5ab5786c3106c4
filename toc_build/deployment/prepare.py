"""From a folder to what a test or a deploy needs: lock, scoring environment, bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toc_build.bundle import Bundle, FileEntry, assemble
from toc_build.console import Console
from toc_build.contract import Sample, load_samples
from toc_build.environment import ScoringEnvironment, check_lock, ensure_environment, lock
from toc_build.repository import Repository, load


@dataclass(frozen=True)
class Prepared:
    """A model repository that is ready to be tested or deployed."""

    repository: Repository
    environment: ScoringEnvironment
    bundle: Bundle


def read_samples(repository: Repository) -> list[Sample]:
    """The repository's sample images with what is expected of them.

    Raises:
        UserError: an expectation cannot be read, or cannot be met by any scorer.
    """
    return load_samples(repository.samples_dir, labels=repository.config.model.labels)


def validate_repository(folder: Path) -> Repository:
    """Reads all that the user wrote, offline, and the lock if there is one.

    Raises:
        UserError: everything that is wrong.
    """
    repository = load(folder)
    read_samples(repository)
    if repository.lock_path.exists():
        check_lock(repository)
    return repository


def prepare(
    repository: Repository, *, console: Console, hasher: Callable[[Path], FileEntry] | None = None
) -> Prepared:
    """Locks if there is no lock yet, builds the scoring environment if need be, assembles the bundle.

    Args:
        repository: the loaded model repository.
        console: draws the long steps.
        hasher: see `assemble`.

    Raises:
        UserError: whatever stands in the way.
    """
    if not repository.lock_path.exists():
        with console.step("lock (there is no requirements.lock yet)") as update:
            lock(repository, progress=update)
    check_lock(repository)
    environment = scoring_environment(repository, console)
    return Prepared(repository, environment, assemble(repository, hasher=hasher))


def scoring_environment(repository: Repository, console: Console) -> ScoringEnvironment:
    """The scoring environment of the repository's lock; a step is drawn only when it must be built.

    Raises:
        EnvironmentBuildError: it cannot be built.
    """
    python = repository.conda.python
    with console.step(f"scoring environment (Python {python})", lazy=True) as update:
        return ensure_environment(repository.lock_path, python, progress=update)
