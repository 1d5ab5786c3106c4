"""`toc-build serve`: saved code answers, a syntax error keeps the old code serving, Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.model_repository import write_model_repository

pytestmark = pytest.mark.end_to_end


class Served:
    """`toc-build serve` in a process of its own, with what it wrote."""

    def __init__(self, repository: Path, port: int) -> None:
        self.repository = repository
        self.uri = f"http://127.0.0.1:{port}/score"
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "toc_build", "serve", "--port", str(port)],
            cwd=repository,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ.copy(),
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def until(self, happened: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert self.process.poll() is None, f"serve ended:\n{self.output}"
            assert time.monotonic() < deadline, f"it did not happen in {seconds} s:\n{self.output}"
            time.sleep(0.02)

    def labels(self) -> set[str] | None:
        """The labels of the answer to the sample; None when nothing answers."""
        try:
            answer = httpx.post(
                self.uri, content=(self.repository / "samples/two.png").read_bytes(), trust_env=False
            )
        except httpx.TransportError:
            return None
        return {item["label"] for item in answer.json()} if answer.status_code == 200 else None


@pytest.fixture
def served(tmp_path: Path, free_tcp_port: int) -> Iterator[Served]:
    repository = write_model_repository(tmp_path / "bright-things")
    deploy = repository / "deploy.yml"
    deploy.write_text(deploy.read_text().replace("[thing]", "[thing, other]"))
    started = Served(repository, free_tcp_port)
    try:
        started.until(lambda: started.labels() == {"thing"}, seconds=300)
        yield started
    finally:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGINT)
            started.process.wait(30)


def test_saving_and_breaking_and_leaving(served: Served) -> None:
    detector = served.repository / "scoring" / "detector.py"
    good = detector.read_text()

    # A label saved is the label answered, and meanwhile no request is refused.
    refused = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            if served.labels() is None:
                refused.append(time.monotonic())

    client = threading.Thread(target=ask)
    client.start()
    detector.write_text(good.replace('LABEL = "thing"', 'LABEL = "other"'))
    served.until(lambda: served.labels() == {"other"})
    done.set()
    client.join()
    assert refused == []

    # A syntax error is told with file and line, and the old code answers on.
    detector.write_text(good.replace("class Detector:", "class Detector"))
    served.until(lambda: "SyntaxError" in served.output and "scoring/detector.py" in served.output)
    assert served.labels() == {"other"}

    # init() that raises: the same.
    detector.write_text(good.replace('["threshold"]', '["treshold"]'))
    served.until(lambda: "KeyError" in served.output)
    assert served.labels() == {"other"}

    # A mistake in deploy.yml: the same.
    deploy = served.repository / "deploy.yml"
    deploy.write_text(deploy.read_text().replace("framework: custom", "framework: costum"))
    served.until(lambda: "costum" in served.output)
    assert served.labels() == {"other"}

    # Mended: answered anew.
    deploy.write_text(deploy.read_text().replace("framework: costum", "framework: custom"))
    detector.write_text(good)
    served.until(lambda: served.labels() == {"thing"})

    children = psutil.Process(served.process.pid).children(recursive=True)
    assert children
    served.process.send_signal(signal.SIGINT)
    served.process.wait(30)
    assert "Traceback" not in served.output.splitlines()[-1]
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert served.labels() is None


def test_kill_leaves_nothing(served: Served) -> None:
    children = psutil.Process(served.process.pid).children(recursive=True)
    served.process.kill()
    served.process.wait(10)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
    assert served.labels() is None
