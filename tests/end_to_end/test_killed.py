"""kill -9 of the tool at 25 random moments of an apply: nothing is lost, the next command mends the rest."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support.model_repository import write_model_repository
from support.targets_bundles import until

import toc_build
from toc_build.bundle.assembly import describe
from toc_build.deployment.apply import history, rollback
from toc_build.deployment.history import Result
from toc_build.repository import load
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end
MOMENTS = 25
SEED = 20261125


def test_whatever_is_killed_a_whole_version_answers(
    tmp_path: Path, free_tcp_port: int, on_its_engine: Callable[[Path], Path]
) -> None:
    repository = on_its_engine(write_model_repository(tmp_path / "bright-things", port=free_tcp_port))
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(deploy_yml.read_text() + "judge:\n  requests: 8\n")
    chance = random.Random(SEED)
    scores = {_set_score(repository, 0.5): 0.5}
    service = toc_build.deploy(repository)
    try:
        uri = service.scoring_uri
        image = (repository / "samples" / "two.png").read_bytes()
        whole = _seconds_of(repository, scores)
        outcomes = []
        for number in range(MOMENTS):
            before = service.status().digest
            score = round(0.6 + number / 100, 2)
            wanted = _set_score(repository, score)
            scores[wanted] = score
            _killed_deploy(repository, chance.uniform(0.1, 1.1) * whole)

            status = service.status()
            assert status.state is State.READY
            assert status.digest in (before, wanted)
            assert _answered(uri, image) in (scores[str(before)], score)
            # What was being started is gone by itself; the record says which version answers.
            assert until(lambda: "changing to" not in (service.status().detail or ""))
            digest = service.status().digest
            assert digest is not None
            assert _answered(uri, image) == scores[digest]
            last = history(repository)[-1]
            if last.digest == wanted:  # it was killed after it had begun
                assert last.result is (Result.SUCCEEDED if digest == wanted else Result.INTERRUPTED)
                assert last.serving == digest
            assert all(item.result is not Result.RUNNING for item in history(repository))
            outcomes.append(digest == wanted)

            if number % 5 == 4:  # undone
                rollback(repository)
                assert service.status().digest != digest
            else:  # resumed
                toc_build.deploy(repository)
                assert service.status().digest == wanted
            now = service.status().digest
            assert now is not None
            assert _answered(uri, image) == scores[now]
        assert len(set(outcomes)) == 2, "the moments did not fall on both sides of the change"
    finally:
        service.delete()


def _set_score(repository: Path, score: float) -> str:
    """Makes a version that answers this score, and returns its digest."""
    detector = repository / "scoring" / "detector.py"
    lines = [
        f"            Detection(xmin=x, xmax=x + w, ymin=y, ymax=y + h, label=LABEL, score={score})"
        if "Detection(xmin" in line
        else line
        for line in detector.read_text().splitlines()
    ]
    detector.write_text("\n".join(lines) + "\n")
    loaded = load(repository)
    return describe(loaded)[0].digest if loaded.lock_path.exists() else ""


def _seconds_of(repository: Path, scores: dict[str, float]) -> float:
    """How long a whole deploy takes by the command line."""
    scores[_set_score(repository, 0.55)] = 0.55
    started = time.monotonic()
    subprocess.run(_command(repository), check=True, capture_output=True)
    return time.monotonic() - started


def _killed_deploy(repository: Path, seconds: float) -> None:
    with subprocess.Popen(
        _command(repository), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)


def _command(repository: Path) -> list[str]:
    return [sys.executable, "-m", "toc_build", "deploy", "-C", str(repository)]


def _answered(uri: str, image: bytes) -> float:
    answer = httpx.post(uri, content=image, timeout=30, trust_env=False).raise_for_status()
    (score,) = {item["score"] for item in json.loads(answer.text)}
    return float(score)
