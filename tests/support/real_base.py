"""A real base image for tests, made from Debian's packages once for all test processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from support.engine import cannot

TOOL = Path(__file__).parents[2] / "tools" / "minimal_base.py"


def minimal_base(folder: Path, **environ: str) -> str:
    """Makes the base as an OCI layout in `folder`, and returns its digest."""
    if sys.platform != "linux" or shutil.which("mmdebstrap") is None:
        cannot("no base image can be made here: not installed: mmdebstrap (apt-get install mmdebstrap)")
    done = subprocess.run(
        [sys.executable, str(TOOL), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
        preexec_fn=lambda: os.umask(0o077),  # the digest must not depend on it
    )
    if done.returncode:
        cannot(f"no base image can be made here: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


def shared_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout that all test processes of this run share."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    folder = shared / "minimal-base"
    with FileLock(shared / "minimal-base.lock"):
        if not folder.exists():
            minimal_base(folder)
    return folder
