"""Two applies at once: one wins, the other is told who and since when; a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.model_repository import write_model_repository
from support.shell import Run
from support.targets_bundles import until

import toc_build
from toc_build.deployment.history import History, Result
from toc_build.deployment.lock import is_held

pytestmark = pytest.mark.end_to_end


def test_one_wins_and_the_dead_hold_nothing(tmp_path: Path, free_tcp_port: int, shell: Run) -> None:
    repository = write_model_repository(tmp_path / "bright-things", port=free_tcp_port)
    toc_build.deploy(repository)
    detector = repository / "scoring" / "detector.py"
    sound = detector.read_text()
    detector.write_text(
        sound.replace("self.threshold =", "import time; time.sleep(60)\n        self.threshold =")
    )
    deploying = [sys.executable, "-m", "toc_build", "deploy", "-C", str(repository)]
    with subprocess.Popen(deploying, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        try:
            assert until(lambda: is_held(repository, "local"), 20)
            assert until(_begun(repository), 20)
            second = shell(repository, "toc_build", "deploy", check=False)
            assert second.returncode == 2
            assert "TOC-APPLY-001" in second.stderr
            assert f"process {first.pid} of " in second.stderr
            assert "deploy since 20" in second.stderr
        finally:
            os.kill(first.pid, signal.SIGKILL)
    detector.write_text(sound.replace("score=0.9", "score=0.8"))
    third = shell(repository, "toc_build", "deploy")
    assert "deployment 2 was cut off" in third.stderr
    results = [item.result for item in History(repository).deployments()]
    assert results == [Result.SUCCEEDED, Result.INTERRUPTED, Result.SUCCEEDED]


def _begun(repository: Path) -> Callable[[], bool]:
    return lambda: History(repository).deployments()[-1].result is Result.RUNNING
