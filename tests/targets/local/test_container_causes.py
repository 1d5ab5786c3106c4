"""What only a container can refuse is told in one line; everything else is left to `diagnose`."""

from __future__ import annotations

from pathlib import Path

from toc_build.targets.local import ContainerSettings, LocalSettings
from toc_build.targets.local.container_causes import Facts, LogWatch, at_home, explain, explain_memory
from toc_build.targets.local.diagnose import Evidence
from toc_build.targets.local.settings import BundleReference

BUNDLE = BundleReference(Path("/cache/bundles/one"), "sha256:1")
SETTINGS = LocalSettings(Path("python"), container=ContainerSettings(memory_gb=0.5, pids_limit=64))
KILLED = (
    "2026-01-01 00:00:00,000 E [1] gunicorn.error - Worker (pid:9) was sent SIGKILL! Perhaps out of memory?"
)


def evidence(*lines: str) -> Evidence:
    return at_home(Evidence(lines, 3, BUNDLE, SETTINGS))


def facts(*, oom_kills: int = 0, killed: int = 0, gone: bool = False, outbound: bool = False) -> Facts:
    assert SETTINGS.container is not None
    settings = ContainerSettings(memory_gb=0.5, pids_limit=64, outbound=outbound)
    return Facts(settings, oom_kills, killed, gone)


def raised(message: str, file: str = "/var/azureml-app/score.py") -> Evidence:
    return evidence(
        "2026-01-01 00:00:00,000 E [9] azmlinfsrv - Traceback (most recent call last):",
        '  File "/opt/lib/user_script.py", line 1, in invoke_init',
        "    init()",
        f'  File "{file}", line 8, in init',
        "    work()",
        message,
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        "Traceback (most recent call last):",
        '  File "/opt/lib/server.py", line 2, in start',
        "azureml_inference_server_http.server.user_script.UserScriptException: no",
    )


def test_paths_of_the_container_become_the_users() -> None:
    for folder in ("/var/azureml-app", "/toc-build/code"):
        for model in ("/var/azureml-app/azureml-models/river-litter/1", "/toc-build/model"):
            moved = evidence(f'  File "{folder}/lib/detector.py", line 3', f"no {model}/weights.bin")
            assert moved.lines[0] == f'  File "{BUNDLE.code}/lib/detector.py", line 3'
            assert moved.shown(moved.lines[1]) == "no model/weights.bin"


def test_memory() -> None:
    error = explain(evidence("started", KILLED), facts(oom_kills=4, killed=3))
    assert error is not None
    assert error.code == "TOC-LOCAL-030"
    assert "0.5 GB does not suffice: the kernel ended 4 of its processes, and again each time" in str(error)
    assert "SIGKILL" in str(error.problems[0].details)
    guessed = explain_memory(evidence(KILLED), facts(killed=1))
    assert guessed is not None
    assert "1 of its workers were killed" in str(guessed)
    assert explain_memory(evidence("started"), facts()) is None


def test_what_the_container_refuses() -> None:
    for message, code, words in (
        (
            "OSError: [Errno 30] Read-only file system: '/var/azureml-app/cache.bin'",
            "TOC-LOCAL-031",
            "writes to scoring/cache.bin",
        ),
        ("PermissionError: [Errno 13] Permission denied: '/root/x'", "TOC-LOCAL-031", "writes to /root/x"),
        ("OSError: [Errno 28] No space left on device: '/tmp/x'", "TOC-LOCAL-032", "filled /tmp"),
        ("RuntimeError: can't start new thread", "TOC-LOCAL-033", "limit of 64 processes"),
        (
            "socket.gaierror: [Errno -3] Temporary failure in name resolution",
            "TOC-LOCAL-034",
            "another machine",
        ),
        ("TimeoutError: timed out", "TOC-LOCAL-034", "another machine"),
    ):
        error = explain(raised(message), facts())
        assert error is not None, message
        assert error.code == code
        assert words in error.problems[0].what
        assert "\n" not in error.problems[0].what
        assert code == "TOC-LOCAL-033" or error.problems[0].where == "scoring/score.py:8"


def test_what_is_the_users_own_mistake_is_left_to_others() -> None:
    assert explain(raised("KeyError: 'weights'"), facts()) is None
    assert explain(raised("TimeoutError: timed out"), facts(outbound=True)) is None
    assert explain(evidence("Worker (pid:9) exited with code 5"), facts()) is None


def test_an_engine_that_has_stopped() -> None:
    error = explain(evidence(KILLED), facts(killed=1, gone=True))
    assert error is not None
    assert error.code == "TOC-ENGINE-011"


def test_workers_killed_again_and_again() -> None:
    watch = LogWatch(0.5)
    assert list(watch.heed("all is well", 0.0)) == []
    for now in (0.0, 100.0, 200.0):  # one at a time, far apart
        (note,) = watch.heed(KILLED, now)
        assert "0.5 GB" in note
        assert not watch.looping
    assert list(watch.heed(KILLED, 201.0))
    assert watch.looping
    assert watch.killed == 4


def test_a_write_into_the_image_is_noted_once() -> None:
    watch = LogWatch(0.5)
    line = "OSError: [Errno 30] Read-only file system: '/cache.bin'"
    assert len(list(watch.heed(line, 0.0))) == 1
    assert list(watch.heed(line, 1.0)) == []
    assert len(list(watch.heed(line.replace("cache", "other"), 2.0))) == 1
