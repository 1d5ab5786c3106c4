"""Which revision of git a model repository is at, for the deployment record. No remote is asked or named."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SECONDS = 10.0


def git_revision(repository: Path) -> str | None:
    """The commit's hash, with `+changes` when files of the repository differ from it; None without git."""
    commit = _git(repository, "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _git(repository, "status", "--porcelain", "--", ".")
    return f"{commit}+changes" if changes else commit


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
