"""A container engine and a registry for tests. The fixtures `engine_address` and `registry` hand them out.

An engine that answers already is used and left alone; otherwise `tools/engine.py` starts Debian's dockerd,
which all test processes share and the last one of them stops.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "engine.py"
FOLDER = Path(os.environ.get("TOC_TEST_ENGINE_DIR", "/var/lib/toc-build-engine"))
OWN_SOCKET = FOLDER / "run" / "docker.sock"
STARTED_BY_TESTS = FOLDER / "started-by-tests"
REGISTRY_PROGRAMS = ("docker-registry", "registry")
_LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


def cannot(reason: str) -> NoReturn:
    """Skips the test with one line; in continuous integration, which promises everything, fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"continuous integration must have what this test needs: {reason}", pytrace=False)
    pytest.skip(reason)


@contextlib.contextmanager
def engine() -> Iterator[str]:
    """The address of an engine, as in DOCKER_HOST.

    Test processes that share one hold a lock on a file, so that the kernel knows who uses it, also after
    one was killed. The last to leave stops it, if it was a test that started it.
    """
    running = _tool("status").stdout.strip()
    if running.startswith("unix://") and not running.endswith(str(OWN_SOCKET)):
        yield running
        return
    try:
        FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
        users = (FOLDER / "users.lock").open("w")
    except OSError as error:
        cannot(f"no container engine can run here: {error}")
    with users:
        with _one_at_a_time():
            ours = _tool("status").returncode != 0
            started = _tool("start")
            if started.returncode != 0:
                cannot(f"no container engine can run here: {started.stderr.strip()}")
            if ours:
                STARTED_BY_TESTS.touch()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield started.stdout.strip()
        finally:
            with _one_at_a_time(), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if STARTED_BY_TESTS.exists():
                    _tool("stop")
                    STARTED_BY_TESTS.unlink()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (FOLDER / "coming-and-going.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tool(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOOL), command], capture_output=True, text=True, check=False, timeout=120
    )


@dataclass
class Registry:
    """A registry on 127.0.0.1, empty at first.

    Attributes:
        address: `127.0.0.1:PORT`.
        log: what it printed, requests among it.
    """

    address: str
    log: list[str]


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Debian's docker-registry on a free port, with its blobs in `folder`."""
    program = next(filter(None, map(shutil.which, REGISTRY_PROGRAMS)), None)
    if program is None:
        cannot("no registry can run here: not installed: docker-registry (apt-get install docker-registry)")
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "config.yml"
    settings.write_text(
        "version: 0.1\n"
        "log: {accesslog: {disabled: false}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'data'}'}}, delete: {{enabled: true}}}}\n"
        "http: {addr: '127.0.0.1:0', secret: tests}\n",
        "utf-8",
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    process = subprocess.Popen(
        [program, "serve", str(settings)],
        env={**environment, "OTEL_TRACES_EXPORTER": "none"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        address = None
        for line in process.stdout:
            lines.append(line)
            if found := _LISTENING.search(line):
                address = f"127.0.0.1:{found[1]}"
                break
        if address is None:
            cannot(f"the registry did not start: {''.join(lines)[-500:]}")
        threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True).start()
        yield Registry(address, lines)
    finally:
        process.terminate()
        process.wait(10)
