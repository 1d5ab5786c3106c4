"""A command line in a process of its own, for tests that kill it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.targets_bundles import HandMadeBundle

TESTS = Path(__file__).parents[1]


def deployer(command: str, state: Path, bundle: HandMadeBundle, port: int) -> subprocess.Popen[str]:
    """A command line in its own terminal session, as a shell would start it."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "support.targets_deploy",
            command,
            str(state),
            str(bundle.root),
            str(port),
        ],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
