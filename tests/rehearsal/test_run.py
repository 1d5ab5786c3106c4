"""`toc-build rehearse -- COMMAND`, and the rehearsal that goes on running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toc_build.cli import main
from toc_build.rehearsal import process

PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def rehearse(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toc_build", "rehearse", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_command_runs_signed_in_and_nothing_is_left(tmp_path: Path) -> None:
    done = rehearse("--", sys.executable, "-c", PRINT)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["AZUREML_WORKSPACE"] == "rehearsal-ml"
    assert seen["HOME"] == os.environ["HOME"]
    assert done.stderr.count("not that Azure behaves so") == 1
    bundle = Path(seen["REQUESTS_CA_BUNDLE"])
    assert not bundle.parents[1].exists()


def test_the_command_s_status_and_arguments_are_its_own() -> None:
    script = "import sys; print(sys.argv[1:]); sys.exit(7)"
    done = rehearse("--fault", "build:slow=1", "--", sys.executable, "-c", script, "--fault", "--", "-x")
    assert done.returncode == 7
    assert done.stdout.strip() == "['--fault', '--', '-x']"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fault", "nowhere:500", "--", "true"], "TOC-REHEARSAL-004"),
        (["--", "no-such-program"], "TOC-REHEARSAL-006"),
        (["start", "--fault", "nowhere:500"], "TOC-REHEARSAL-004"),
        (["nox", "-s", "test"], "TOC-REHEARSAL-008"),
        (["status"], "TOC-REHEARSAL-007"),
        (["fault", "build:fail"], "TOC-REHEARSAL-007"),
    ],
)
def test_mistakes_are_told(arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", *arguments]) == 2
    assert code in capsys.readouterr().err


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toc_build.errors import TargetError

    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.sqlite").write_text("this is no database, and long enough to be told so")
    with pytest.raises(TargetError, match="did not start") as error:
        process.start(tmp_path / "state", detached=False)
    assert error.value.code == "TOC-REHEARSAL-002"
    assert "file is not a database" in str(error.value)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from toc_build.errors import TargetError

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "trustme" else found(name))
    with pytest.raises(TargetError, match="not installed: trustme") as error:
        process.require_packages()
    assert "toc-build[rehearsal]" in str(error.value)


def test_a_rehearsal_goes_on_running_and_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", "start"]) == 0
    try:
        assert main(["rehearse", "start"]) == 0
        assert "running already" in capsys.readouterr().out
        assert main(["rehearse", "fault", "services.create:429x2"]) == 0
        assert main(["rehearse", "status", "--json"]) == 0
        found = json.loads(capsys.readouterr().out.partition("\n")[2])
        assert found["faults"] == ["services.create:429x2"]
        done = rehearse("--", sys.executable, "-c", "import os; print(os.environ['TOC_BUILD_REHEARSAL'])")
        assert done.stdout.strip() == found["base"]
        assert main(["rehearse", "fault", "--clear"]) == 0
        assert main(["rehearse", "status"]) == 0
        assert "cluster  inference-ml  production  3 x Standard_D4_v3" in capsys.readouterr().out
        assert main(["rehearse", "log", "--tail", "5"]) == 0
        assert "control" in capsys.readouterr().out
    finally:
        assert main(["rehearse", "stop"]) == 0
    assert process.find(process.state_folder()) is None
    assert (process.state_folder() / "state.sqlite").exists()
    assert main(["rehearse", "stop", "--forget"]) == 0
    assert not process.state_folder().exists()
    assert "nothing was running" in capsys.readouterr().out


def test_ending_the_command_line_ends_everything(tmp_path: Path) -> None:
    script = "import os, time; print(os.environ['ARM_CLOUD_METADATA_URL'], flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "toc_build", "rehearse", "--", sys.executable, "-c", script]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip().removeprefix("file://")).parent
    server = json.loads((folder / process.READY).read_text())["pid"]
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{server}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{server}").exists()
