"""The Python API as a user's program uses it, on one small repository."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from support.model_repository import write_model_repository

import toc_build
from toc_build.errors import TargetError
from toc_build.targets.protocol import State

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def repository(tmp_path: Path, free_tcp_port: int) -> Path:
    return write_model_repository(tmp_path / "bright-things", port=free_tcp_port)


def test_deploy_score_reload_logs_delete(repository: Path, free_tcp_port: int) -> None:
    service = toc_build.deploy(repository)
    try:
        assert service.scoring_uri == f"http://127.0.0.1:{free_tcp_port}/score"
        sample = repository / "samples" / "two.png"
        by_path = service.score(sample)
        assert [item.label for item in by_path] == ["thing", "thing"]
        assert service.score(sample.read_bytes()) == by_path
        assert service.score(cv2.imread(str(sample))) == by_path
        with pytest.raises(toc_build.UserError, match="400"):
            service.score(b"no image")
        first = service.status()
        assert first.state is State.READY

        detector = repository / "scoring" / "detector.py"
        detector.write_text(detector.read_text().replace("score=0.9", "score=0.8"))
        service.reload()
        assert {item.score for item in service.score(sample)} == {0.8}
        assert service.status().digest != first.digest
        assert any("Healthy" in line or "score" in line for line in service.logs(tail=200))

        again = toc_build.open_service(repository)
        assert again.scoring_uri == service.scoring_uri

        good = service.status().digest
        detector.write_text("raise RuntimeError('no weights today')\n")
        with pytest.raises(TargetError, match="no weights today") as caught:
            service.reload()
        assert "scoring/detector.py" in str(caught.value)
        assert service.status().digest == good
        assert {item.score for item in service.score(sample)} == {0.8}
    finally:
        service.delete()
    assert service.status().state is State.ABSENT
    with pytest.raises(TargetError, match="absent") as caught:
        _ = service.scoring_uri
    assert caught.value.code == "TOC-TARGET-001"
    service.delete()


def test_a_second_repository_with_the_same_lock_shares_the_environment(
    tmp_path: Path, cache: Path, free_tcp_port: int
) -> None:
    first = write_model_repository(tmp_path / "one", name="one")
    service = toc_build.deploy(first, port=0)
    try:
        environments = set((cache / "environments").iterdir())
        second = write_model_repository(tmp_path / "two", name="two")
        conda = second / "conda.yml"
        conda.write_text(conda.read_text().replace("bright-things", "two"))
        (second / "requirements.lock").write_bytes((first / "requirements.lock").read_bytes())
        other = toc_build.deploy(second, port=0)
        try:
            assert set((cache / "environments").iterdir()) == environments
            assert other.scoring_uri != service.scoring_uri
            assert len(other.score(second / "samples" / "two.png")) == 2
        finally:
            other.delete()
    finally:
        service.delete()


def test_an_unknown_target_names_those_there_are(repository: Path) -> None:
    with pytest.raises(TargetError, match="'moon'") as caught:
        toc_build.deploy(repository, target="moon")
    assert caught.value.code == "TOC-TARGET-002"
    assert "local, aci, aks" in (caught.value.problems[0].fix or "")
