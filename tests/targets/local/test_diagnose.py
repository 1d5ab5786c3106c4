"""Each way not to start has its own error, with the user's file and line, in time."""

from __future__ import annotations

import os
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.targets_bundles import PYTHON, free_port, make_bundle, processes, refused, target, until

from toc_build.errors import TargetError
from toc_build.targets import State
from toc_build.targets.local import LocalSettings, LocalTarget, diagnose
from toc_build.targets.local.launcher import EXIT_SERVER_BROKEN
from toc_build.targets.local.settings import BundleReference


@dataclass(frozen=True)
class Mistake:
    name: str
    code: str
    where: str | None
    said: tuple[str, ...]
    source: str | None = None
    init: str = "pass"
    before: str = ""
    modules: dict[str, str] = field(default_factory=dict)
    readiness_seconds: float = 30.0
    workers: int = 1


MISTAKES = [
    Mistake(
        "init raises",
        "TOC-LOCAL-005",
        "scoring/detector.py:2",
        (
            "`init()` raised KeyError: 'weights'",
            'File "scoring/score.py", line 8, in init',
            "return {}[name]",
        ),
        before="import detector",
        init="detector.load('weights')",
        modules={"detector": "def load(name):\n    return {}[name]\n"},
        workers=2,
    ),
    Mistake(
        "a package is missing",
        "TOC-LOCAL-006",
        "scoring/score.py:5",
        ("`import no_such_package`", "add `no-such-package` to conda.yml", "nox -s lock"),
        before="import no_such_package.part",
    ),
    Mistake(
        "a syntax error",
        "TOC-LOCAL-009",
        "scoring/detector.py:1",
        ("SyntaxError: invalid syntax", "def f(:\n", "^"),
        before="import detector",
        modules={"detector": "def f(:\n    pass\n"},
    ),
    Mistake(
        "the import raises",
        "TOC-LOCAL-008",
        "scoring/score.py:5",
        ("the scoring script could not be imported: ZeroDivisionError: division by zero",),
        before="1 / 0",
    ),
    Mistake(
        "an artifact is missing",
        "TOC-LOCAL-010",
        "scoring/score.py:8",
        ("a model artifact is missing: weights.bin\n  there is: labels.txt", "under `model/`"),
        before="from artifacts import MissingArtifact",
        init="raise MissingArtifact('weights.bin\\n  there is: labels.txt')",
        modules={"artifacts": "class MissingArtifact(Exception): ..."},
    ),
    Mistake(
        "no run function",
        "TOC-LOCAL-011",
        "scoring/score.py",
        ("no function `run`",),
        source="def init(): ...",
    ),
    Mistake(
        "init hangs",
        "TOC-LOCAL-012",
        "scoring/score.py:8",
        ("not ready after 6 s", "`readiness_seconds`", "line 8, in init\nLast lines:", "loading the model"),
        init="print('loading the model'); __import__('time').sleep(60)",
        readiness_seconds=6,
    ),
    Mistake(
        "memory runs out",
        "TOC-LOCAL-013",
        None,
        ("SIGKILL", "memory ran out"),
        init="os.kill(os.getpid(), 9)",
    ),
    Mistake(
        "it ends by itself",
        "TOC-LOCAL-019",
        None,
        ("a worker exited with status 5",),
        init="os._exit(5)",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_start_that_fails(states: Path, tmp_path: Path, mistake: Mistake) -> None:
    port = free_port()
    service = target(states / "a", port, readiness_seconds=mistake.readiness_seconds, workers=mistake.workers)
    bundle = make_bundle(
        tmp_path / "bundle",
        source=mistake.source,
        before=mistake.before,
        init=mistake.init,
        **mistake.modules,
    )
    with pytest.raises(TargetError) as failure:
        list(service.apply(bundle))
    problem = failure.value.problems[0]
    text = str(problem)
    assert (problem.code, problem.where) == (mistake.code, mistake.where), text
    for words in mistake.said:
        assert words in text, text
    assert str(bundle.root) not in text, text
    if mistake.code in ("TOC-LOCAL-005", "TOC-LOCAL-006", "TOC-LOCAL-008", "TOC-LOCAL-009"):
        assert "azureml_inference_server_http" not in text, text
    status = service.status()
    assert status.state is State.FAILED
    assert mistake.code in str(status.detail)
    assert status.scoring_uri is None
    assert any("server" in line for line in service.logs(tail=50))
    assert refused(port)
    assert until(lambda: not processes(states), 3), processes(states)


def test_the_cause_comes_within_a_second_even_while_another_worker_is_busy(
    states: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "first"
    raised = tmp_path / "raised"
    init = (
        f"import time; first = os.open({str(mark)!r}, os.O_CREAT)\n"
        f"    if not os.path.exists({str(tmp_path / 'second')!r}):\n"
        f"        open({str(tmp_path / 'second')!r}, 'w').close(); time.sleep(30)\n"
        f"    time.sleep(0.3); open({str(raised)!r}, 'w').write(str(time.time())); raise ValueError('late')"
    )
    service = target(states / "a", free_port(), workers=2)
    with pytest.raises(TargetError, match="ValueError: late"):
        list(service.apply(make_bundle(tmp_path / "bundle", init=init)))
    delay = time.time() - float(raised.read_text())
    print("delay", delay)
    assert delay < 1.0


def test_port_taken_by_another_process(states: Path, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(TargetError) as taken:
            list(target(states / "a", port).apply(make_bundle(tmp_path / "bundle")))
    problem = taken.value.problems[0]
    assert problem.code == "TOC-LOCAL-002"
    assert f"port {port} is taken by process {os.getpid()}: " in problem.what
    assert "python" in problem.what
    assert problem.where == "deploy.yml targets -> local -> port"
    assert "--port" in str(problem.fix)


def test_environment_without_the_server(states: Path, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.base_prefix}/bin/python3 -I -S "$@"\n')
    bare.chmod(0o755)
    service = LocalTarget(states / "a", LocalSettings(bare, port=free_port()))
    with pytest.raises(TargetError) as missing:
        list(service.apply(make_bundle(tmp_path / "bundle")))
    assert missing.value.code == "TOC-LOCAL-015"
    assert "azureml-inference-server-http>=1.5,<2" in str(missing.value)


def test_no_interpreter_and_no_script(states: Path, tmp_path: Path) -> None:
    gone = LocalTarget(states / "a", LocalSettings(tmp_path / "none" / "python", port=free_port()))
    with pytest.raises(TargetError) as no_python:
        list(gone.apply(make_bundle(tmp_path / "bundle")))
    assert (no_python.value.code, no_python.value.problems[0].where) == (
        "TOC-LOCAL-017",
        str(tmp_path / "none" / "python"),
    )
    empty = make_bundle(tmp_path / "empty")
    (empty.root / "code" / "score.py").unlink()
    with pytest.raises(TargetError) as no_script:
        list(target(states / "b", free_port()).apply(empty))
    assert no_script.value.code == "TOC-LOCAL-018"
    assert not (states / "b").exists()


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(TargetError, match="WSL") as refused_:
        diagnose.require_platform()
    assert refused_.value.code == "TOC-LOCAL-001"


def evidence(text: str, exit_status: int | None) -> diagnose.Evidence:
    bundle = BundleReference(Path("/b"), "sha256:1")
    return diagnose.Evidence(text.splitlines(), exit_status, bundle, LocalSettings(PYTHON))


def test_a_broken_server_package_shows_its_traceback() -> None:
    text = 'Traceback (most recent call last):\n  File "x.py", line 1\nImportError: cannot import flask'
    error = diagnose.explain_exit(evidence(text, EXIT_SERVER_BROKEN))
    assert error.code == "TOC-LOCAL-016"
    assert "cannot import flask" in str(error)


def test_native_crashes_are_named() -> None:
    line = "2026-01-01 00:00:00,000 W [1] gunicorn.error - Worker (pid:2) was sent SIGSEGV!"
    assert diagnose.explain_exit(evidence(line, -9)).code == "TOC-LOCAL-014"
    assert "SIGSEGV" in str(diagnose.explain_exit(evidence(line, -9)))
    assert diagnose.explain_crash(evidence("", -11)).code == "TOC-LOCAL-014"
    assert diagnose.explain_crash(evidence("", 0)).code == "TOC-LOCAL-021"


def test_a_hang_before_the_users_code() -> None:
    text = (
        "Importing\nTimeout (0:00:01)!\nThread 0x1 (most recent call first):\n"
        '  File "/env/slow.py", line 3 in <module>\n  File "/env/start.py", line 9 in main\n'
    )
    error = diagnose.explain_hang(evidence(text, None))
    assert error.problems[0].where is None
    assert '"/env/start.py", line 9, in main\n  File "/env/slow.py", line 3' in str(error)
    assert str(error).endswith("Last lines:\nImporting")


@pytest.mark.parametrize("status", [-35, -72, -127])
def test_a_signal_without_a_name(status: int) -> None:
    assert f"signal {-status}" in str(diagnose.explain_crash(evidence("", status)))


def test_a_native_crash_names_the_line_that_met_it() -> None:
    code = evidence("", 0).bundle.code
    stack = "\n".join(f'  File "/env/gunicorn/{number}.py", line 1 in run' for number in range(20))
    text = (
        "loading\nFatal Python error: Segmentation fault\n\n"
        "Current thread 0x1 (most recent call first):\n"
        f'  File "/env/ctypes.py", line 9 in string_at\n  File "{code}/score.py", line 41 in init\n{stack}\n'
    )
    for error in (diagnose.explain_exit(evidence(text, -11)), diagnose.explain_crash(evidence(text, -11))):
        assert (error.code, error.problems[0].where) == ("TOC-LOCAL-014", "scoring/score.py:41")
        assert "a native library crashed" in str(error)
        assert "gunicorn" not in str(error)
