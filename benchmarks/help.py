"""`toc-build --help` beside an interpreter that does nothing: python benchmarks/help.py."""

from __future__ import annotations

import sys

from side_by_side import command, compare, seconds

compare(
    ("toc-build --help", lambda: seconds(command([sys.executable, "-m", "toc_build", "--help"]))),
    ("python -c pass", lambda: seconds(command([sys.executable, "-c", "pass"]))),
    rounds=15,
)
