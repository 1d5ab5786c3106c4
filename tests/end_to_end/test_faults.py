"""Ten broken versions under constant load: each is taken back, no caller notices, the record is right."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.faults import FAULTS, Fault, sound
from support.model_repository import write_model_repository

import toc_build
from toc_build.deployment.history import History, Result
from toc_build.errors import UserError
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end


class Load:
    """Clients that never cease to post an image: one keeps its connection, one does not."""

    def __init__(self, uri: str, image: bytes) -> None:
        self.uri, self.image = uri, image
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in (True, False)]

    @contextmanager
    def running(self) -> Iterator[Load]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._done.set()
            for thread in self._threads:
                thread.join()

    def _ask(self, keep_alive: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)
        with httpx.Client(timeout=30, limits=limits, trust_env=False) as client:
            while not self._done.is_set():
                try:
                    answer = client.post(self.uri, content=self.image).raise_for_status()
                    self.answers[json.dumps(answer.json(), sort_keys=True)] += 1
                except Exception as error:  # noqa: BLE001 - any failure counts
                    self.failures.append(repr(error))


def test_every_broken_version_is_taken_back(
    tmp_path: Path, free_tcp_port: int, on_its_engine: Callable[[Path], Path]
) -> None:
    repository = on_its_engine(write_model_repository(tmp_path / "bright-things", port=free_tcp_port))
    sound(repository)
    deploy_yml = repository / "deploy.yml"
    deploy_yml.write_text(deploy_yml.read_text().replace("readiness_seconds: 60", "readiness_seconds: 6"))
    kept = {path: path.read_text() for path in (repository / "scoring").glob("*.py")}
    service = toc_build.deploy(repository)
    try:
        good = service.status()
        image = (repository / "samples" / "two.png").read_bytes()
        with Load(service.scoring_uri, image).running() as load:
            for fault in FAULTS:
                fault.break_it(repository)
                _is_taken_back(repository, fault, good.digest)
                for path, text in kept.items():
                    path.write_text(text)
                assert load.failures == [], fault.name
            asked = sum(load.answers.values())
        assert load.failures == []
        assert len(load.answers) == 1, load.answers
        assert asked > 10 * len(FAULTS)
        assert service.status().pid == good.pid
        # A sound version takes over all the same.
        detector = repository / "scoring" / "detector.py"
        detector.write_text(detector.read_text().replace("score=0.9", "score=0.85"))
        with Load(service.scoring_uri, image).running() as load:
            toc_build.deploy(repository)
        assert load.failures == []
        assert History(repository).deployments()[-1].result is Result.SUCCEEDED
    finally:
        service.delete()


def _is_taken_back(repository: Path, fault: Fault, good: str | None) -> None:
    before = len(History(repository).deployments())
    with pytest.raises(UserError) as refused:
        toc_build.deploy(repository)
    assert fault.code in [problem.code for problem in refused.value.problems], (
        fault.name,
        str(refused.value),
    )
    status = toc_build.open_service(repository).status()
    assert (status.state, status.digest) == (State.READY, good), fault.name
    records = History(repository).deployments()
    assert len(records) == before + 1
    last = records[-1]
    assert (last.result.value, last.serving) == (fault.result, good), fault.name
    assert last.digest != good
    assert last.reason is not None
    assert (repository / (last.report or "missing") / "index.html").is_file() == (fault.result == "rejected")
