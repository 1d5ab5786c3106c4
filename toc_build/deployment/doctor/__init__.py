"""The doctor: looks for what will go wrong later, before anything is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toc_build.findings import Finding
from toc_build.repository import Repository
from toc_build.targets.plan import Plan


def examine(repository: Path) -> list[Finding]:
    """X."""
    return []


def mend(found: list[Finding]) -> Iterator[tuple[Finding, str]]:
    """X."""
    return iter(())


def examine_for(repository: Repository, plan: Plan) -> list[Finding]:
    """X."""
    return []
