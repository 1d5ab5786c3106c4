"""Finds the rules in `rules` and runs them over a model repository."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from pathlib import Path

from toc_build.bundle.assembly import describe
from toc_build.deployment.doctor import rules
from toc_build.deployment.doctor.rule import Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.deployment.prepare import read_samples
from toc_build.environment import check_lock
from toc_build.errors import Problem, UserError
from toc_build.findings import Finding, Severity
from toc_build.repository import Repository, load
from toc_build.targets.plan import Plan

_WEIGHTS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
_NOT_A_REPOSITORY = {"TOC-REPO-001", "TOC-REPO-002"}


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by code."""
    modules = (
        importlib.import_module(f"{rules.__name__}.{module.name}")
        for module in pkgutil.iter_modules(rules.__path__)
    )
    return tuple(sorted((module.RULE for module in modules), key=lambda rule: str(rule.code)))


def examine(folder: Path, *, today: date | None = None) -> list[Finding]:
    """Everything that is found in a model repository, the heaviest first; offline.

    What already stops a command (a mistake in deploy.yml, a sample that cannot be read, a stale lock) comes
    as errors under its own code.

    Args:
        folder: the model repository.
        today: dates of support are compared with it.

    Raises:
        RepositoryError: there is no model repository to look at.
    """
    found: list[Finding] = []
    try:
        repository = load(folder)
    except UserError as error:
        if error.code in _NOT_A_REPOSITORY:
            raise
        return [_as_finding(problem, "every command stops at it.") for problem in error.problems]
    try:
        read_samples(repository)
    except UserError as error:
        found += [_as_finding(problem, "tests and deploys stop at it.") for problem in error.problems]
    for look in (check_lock, describe) if repository.lock_path.exists() else ():
        try:
            look(repository)
        except UserError as error:
            found += [_as_finding(problem, "tests and deploys stop at it.") for problem in error.problems]
    subject = Subject(repository, today or date.today())  # noqa: DTZ011 - a day, wherever the user is
    for rule in all_rules():
        if not rule.in_plans_only:
            found += rule.findings(subject)
    return _ordered(found)


def examine_for(repository: Repository, plan: Plan, *, today: date | None = None) -> list[Finding]:
    """What the rules for the plan's target find, with the machines that the target saw.

    Args:
        repository: the model repository.
        plan: of the target.
        today: see `examine`.
    """
    day = today or date.today()  # noqa: DTZ011 - a day, wherever the user is
    subject = Subject(repository, day, target=plan.target, seen=plan.cluster)
    applying = [rule for rule in all_rules() if rule.target in (None, plan.target)]
    return _ordered(finding for rule in applying for finding in rule.findings(subject))


def mend(found: Iterable[Finding]) -> Iterator[tuple[Finding, str]]:
    """Mends what can be mended safely.

    Yields:
        Each finding that was mended, with what was done.
    """
    for finding in found:
        if finding.mend is not None:
            yield finding, finding.mend()


def _as_finding(problem: Problem, why: str) -> Finding:
    return Finding(
        problem.code, Severity.ERROR, problem.what, problem.where, why, problem.fix or "see the message."
    )


def _ordered(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda item: (_WEIGHTS[item.severity], item.code, item.where or ""))
