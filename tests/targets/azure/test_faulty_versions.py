"""The ten broken versions on AKS, under constant load: each is taken back, and no caller notices."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.azure_place import Rehearsal
from support.faults import FAULTS, Fault, sound
from support.model_repository import write_model_repository

import toc_build
from toc_build.deployment.history import History, Result
from toc_build.errors import Rejected, TargetError, UserError
from toc_build.rehearsal.surroundings import rehearsed
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end

CODES = {"TOC-LOCAL-005": "TOC-AZURE-031", "TOC-LOCAL-012": "TOC-TARGET-003"}


@pytest.fixture
def repository(
    azure: Rehearsal, shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A sound version answers on AKS."""
    environ = rehearsed(os.environ, azure.running) | {"TOC_BUILD_CACHE_DIR": str(shared_cache)}
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    folder = write_model_repository(tmp_path / "bright-things")
    sound(folder)
    deploy_yml = folder / "deploy.yml"
    aks = "  aks:\n    replicas: 2\n    cpu_cores: 0.3\n    readiness_seconds: 8\n"
    # Beside the load there is little left of two cores: the fastest answer of the sound version is slow, too.
    deploy_yml.write_text(deploy_yml.read_text() + aks + "judge:\n  slower_than_before: 1.4\n")
    yield folder
    toc_build.open_service(folder, "aks").delete()


class Load:
    """A client that never ceases to post an image, each time with a new connection."""

    def __init__(self, uri: str, headers: dict[str, str], image: bytes) -> None:
        self.uri, self.headers, self.image = uri, headers, image
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._done = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Load]:
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            yield self
        finally:
            self._done.set()
            thread.join()

    def _ask(self) -> None:
        while not self._done.wait(0.05):
            try:
                answer = httpx.post(
                    self.uri, content=self.image, headers=self.headers, timeout=30, trust_env=False
                ).raise_for_status()
                self.answers[json.dumps(answer.json(), sort_keys=True)] += 1
            except httpx.HTTPError as error:
                self.failures.append(repr(error))


def deploy(repository: Path) -> toc_build.Service:
    return toc_build.deploy(repository, target="aks", compute_target_name="inference-ml", allow_untested=True)


def test_every_broken_version_is_taken_back(repository: Path) -> None:
    with pytest.raises(TargetError, match="inference-ml"):
        toc_build.deploy(repository, target="aks", allow_untested=True)  # it names those that there are
    kept = {path: path.read_text() for path in (repository / "scoring").glob("*.py")}
    service = deploy(repository)
    good = service.status()
    image = repository / "samples" / "two.png"
    assert len(service.score(image)) == 2
    assert httpx.post(service.scoring_uri, content=image.read_bytes(), trust_env=False).status_code == 401
    with Load(service.scoring_uri, service.headers(), image.read_bytes()).running() as load:
        for fault in FAULTS:
            fault.break_it(repository)
            is_taken_back(repository, fault, good.digest)
            for path, text in kept.items():
                path.write_text(text)
            assert load.failures == [], fault.name
        assert len(load.answers) == 1, load.answers
        # A sound version takes over all the same.
        detector = repository / "scoring" / "detector.py"
        detector.write_text(detector.read_text().replace("score=0.9", "score=0.85"))
        with pytest.raises(UserError, match="no passing test"):
            service.update()
        service.update(allow_untested=True)
    assert load.failures == []
    assert len(load.answers) == 2
    assert History(repository).deployments()[-1].result is Result.SUCCEEDED
    service.rollback()
    assert service.status().digest == good.digest
    assert list(service.logs(tail=3))


def is_taken_back(repository: Path, fault: Fault, good: str | None) -> None:
    with pytest.raises(UserError) as refused:
        deploy(repository)
    code = CODES.get(fault.code, fault.code)
    assert code in [problem.code for problem in refused.value.problems], (fault.name, str(refused.value))
    assert isinstance(refused.value, Rejected) == (fault.result == "rejected")
    if fault.code == "TOC-LOCAL-005":
        assert str(refused.value.problems[0].where).startswith("scoring/detector.py:")
    status = toc_build.open_service(repository, "aks").status()
    assert (status.state, status.digest) == (State.READY, good), fault.name
    last = History(repository).deployments()[-1]
    assert (last.result.value, last.serving) == (fault.result, good), fault.name
