"""A fresh bake with its lock and scoring environment ready, for the benchmarks to work on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPLATE = Path(__file__).parent.parent / "cookiecutter-toc-model"
TOC_BUILD = [sys.executable, "-m", "toc_build"]


@contextmanager
def ready_repository(framework: str = "custom") -> Iterator[tuple[Path, str]]:
    """Yields the baked folder and the interpreter of its scoring environment."""
    with tempfile.TemporaryDirectory() as folder:
        bake = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--output-dir", folder]
        subprocess.run([*bake, f"framework={framework}"], check=True, capture_output=True)
        (repository,) = Path(folder).iterdir()
        subprocess.run([*TOC_BUILD, "lock", "-C", str(repository)], check=True, capture_output=True)
        found = subprocess.run(
            [*TOC_BUILD, "env", "path", "-C", str(repository)], check=True, capture_output=True, text=True
        )
        yield repository, found.stdout.strip()
