"""What uv says when it fails, and what we make of it. The texts are uv's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.environment.failures import failure, without_credentials
from toc_build.environment.uv_tool import Finished

SAID = [
    (
        "error: Failed to write to the client cache\n  cause: No space left on device (os error 28)",
        "TOC-ENV-007",
    ),
    (
        "error: Failed to install: a.whl\n  cause: Disk quota exceeded (os error 122)",
        "TOC-ENV-007",
    ),
    (
        "error: Failed to fetch: `https://index.example/simple/numpy/`\n  cause: dns error",
        "TOC-ENV-021",
    ),
    (
        "error: No solution found when resolving dependencies\n  cause: Because a was not found\n\n"
        "hint: Packages were unavailable because the network was disabled.",
        "TOC-ENV-021",
    ),
    ("error: Failed to download `numpy==2.3.2`\n  cause: Hash mismatch for `numpy==2.3.2`", "TOC-ENV-022"),
    (
        "error: Failed to initialize cache at `/home/me/uv`\n  cause: Read-only file system (os error 30)",
        "TOC-ENV-023",
    ),
    ("error: failed to create directory `/x`\n  cause: Permission denied (os error 13)", "TOC-ENV-023"),
    (
        "error: No solution found when resolving dependencies\n  cause: Because a==1 depends on b and b>2",
        "TOC-ENV-024",
    ),
    ("error: Failed to build `fusepy==3.0.1`\n  cause: The build backend returned an error", "TOC-ENV-026"),
    ("error: something new", "TOC-ENV-029"),
]


@pytest.mark.parametrize(("said", "code"), SAID)
def test_meaning(said: str, code: str) -> None:
    error = failure(Finished(1, "", said), task="it was tried", area="ENV", place=Path("/cache"))
    problem = error.problems[0]
    assert problem.code == code
    assert problem.fix
    assert problem.details == said
    assert "\n" not in problem.what


def test_full_disk_names_both_variables() -> None:
    error = failure(Finished(1, "", SAID[0][0]), task="it was tried", area="LOCK", place=Path("/cache"))
    assert "TOC_BUILD_CACHE_DIR" in (error.problems[0].fix or "")
    assert "UV_CACHE_DIR" in (error.problems[0].fix or "")


def test_signal() -> None:
    error = failure(Finished(-9, "", ""), task="it was tried", area="ENV", place=Path("/cache"))
    assert error.code == "TOC-ENV-020"
    assert "memory" in error.problems[0].what
    assert error.problems[0].details is None


def test_credentials_and_hints_about_uv_projects_are_taken_out() -> None:
    said = "error: x https://me:hunter2@index.example/simple\nhint: consider `tool.uv.environments`.\n"
    said += "Using Python 3.11 at: x\n"
    error = failure(Finished(1, "", said), task="it was tried", area="LOCK", place=Path("/cache"))
    assert error.problems[0].details == "error: x https://***@index.example/simple"


def test_without_credentials() -> None:
    assert without_credentials("https://a.example/b") == "https://a.example/b"
    assert without_credentials("git+ssh://token@a.example/b") == "git+ssh://***@a.example/b"
