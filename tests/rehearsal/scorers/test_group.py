"""Replicas: started, counted, taken in turn, started again, stopped. A few lines stand in for the server."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toc_build.rehearsal.scorers import replica as replicas
from toc_build.rehearsal.scorers.failures import StartFailed
from toc_build.rehearsal.scorers.group import Group
from toc_build.rehearsal.scorers.program import Program

# What the launcher would become, without azmlinfsrv: it answers, and says which process it is.
STAND_IN = """
import os, socket, sys
script = sys.argv[sys.argv.index("--entry_script") + 1]
listener = socket.socket(fileno=int(os.environ["TOC_LISTEN_FDS"]))
exec(open(script).read())
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    connection.close()
"""


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Group]:
    """Makes a group whose replicas run a script first."""
    launcher = tmp_path / "launcher.py"
    launcher.write_text(STAND_IN)
    monkeypatch.setattr(replicas.launcher, "__file__", str(launcher))

    def make(script: str, **values: float) -> Group:
        root = tmp_path / "app"
        root.mkdir(exist_ok=True)
        (root / "score.py").write_text(script)
        program = Program(
            Path(sys.executable), root, "score.py", "azureml-models/m/1", {"MINE": "1"}, **values
        )
        return Group(program, tmp_path / "replicas", lambda: None)

    return make


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_replicas_start_are_taken_in_turn_and_end(group: Callable[[str], Group], tmp_path: Path) -> None:
    made = group("print('up', os.environ['MINE'], os.environ['AZUREML_MODEL_DIR'], os.getcwd())")
    made.start(2)
    assert made.living == 2
    wait_until(lambda: len(made.log()) == 2)
    assert made.log(1) == [f"up 1 azureml-models/m/1 {tmp_path / 'app'}"]
    first, second = made.take(1), made.take(1)
    assert first is not None
    assert second is not None
    assert first.port != second.port
    assert made.take(1) is None
    made.give_back(first)
    assert made.take(1) is first
    assert made.take(None) is not None
    made.stop()
    assert made.living == 0
    assert not any((tmp_path / "replicas").iterdir())


def test_a_shell_s_variables_do_not_reach_a_replica(
    group: Callable[[str], Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZUREML_SERVICE_PRINCIPAL_PASSWORD", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    made = group("print(sorted(os.environ))")
    made.start(1)
    wait_until(lambda: bool(made.log()))
    assert "AZUREML_SERVICE_PRINCIPAL_PASSWORD" not in made.log()[0]
    assert "PYTHONPATH" not in made.log()[0]
    made.stop()


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("raise ValueError('why')", 1, "exit code 1"),
        ("print('Worker (pid:7) exited with code 3', flush=True); import time; time.sleep(60)", 3, "worker"),
        ("import time; time.sleep(60)", None, "not ready after 1 s"),
    ],
)
def test_a_start_that_fails_leaves_nothing(
    group: Callable[..., Group], tmp_path: Path, script: str, status: int | None, told: str
) -> None:
    made = group(script, startup_seconds=1.0 if status is None else 20.0)
    with pytest.raises(StartFailed, match=told) as failure:
        made.start(2)
    assert failure.value.exit_status == status
    assert made.living == 0
    assert not any((tmp_path / "replicas").iterdir())


def test_a_crashed_replica_is_started_again(group: Callable[[str], Group]) -> None:
    made = group("print(os.getpid())")
    made.start(1)
    wait_until(lambda: bool(made.log()))
    os.kill(int(made.log()[0]), signal.SIGKILL)
    wait_until(lambda: len(made.log()) == 2 and made.living == 1)
    assert made.crashes == 1
    made.stop()


def test_the_number_of_replicas_changes(group: Callable[[str], Group]) -> None:
    made = group("")
    made.start(1)
    made.scale(3)
    assert made.living == 3
    made.scale(1)
    assert made.living == 1
    made.stop()
