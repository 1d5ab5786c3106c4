"""`toc-build doctor` on a fresh bake and on every example: python benchmarks/doctor.py.

The floor is an interpreter that does nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from repositories import TOC_BUILD, ready_repository
from side_by_side import compare

EXAMPLES = Path(__file__).parent.parent / "examples"


def seconds(words: list[str]) -> float:
    """How long a command takes, whatever it finds."""
    started = time.perf_counter()
    subprocess.run(words, capture_output=True, check=False)
    return time.perf_counter() - started


with ready_repository() as (repository, _):
    for folder in (repository, *sorted(path.parent for path in EXAMPLES.glob("*/deploy.yml"))):
        command = [*TOC_BUILD, "doctor", "-C", str(folder)]
        compare(
            (f"toc-build doctor ({folder.name})", lambda command=command: seconds(command)),
            ("python -c pass", lambda: seconds([sys.executable, "-c", "pass"])),
        )
