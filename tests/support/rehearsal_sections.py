"""Runs a section of the plain azureml-core script against a rehearsal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from toc_build.rehearsal.process import Running
from toc_build.rehearsal.surroundings import rehearsed

SCRIPT = Path(__file__).with_name("rehearsal_script.py")


def section(running: Running, folder: Path, name: str, **variables: str) -> dict[str, Any]:
    """Runs a section of the script, and returns what it found."""
    environment = {**rehearsed(os.environ, running), "HOME": str(folder), "LARGE_MB": "100", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the SDK loads in 5 s without bytecode
    done = subprocess.run(
        [sys.executable, str(SCRIPT), name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SECTION ")]
    found: dict[str, Any] = json.loads(line.removeprefix("SECTION "))
    return found
