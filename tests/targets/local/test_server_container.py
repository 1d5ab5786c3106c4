"""A bundle in a container: hardened, judged, replaced and ended like a process, and never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from support.engine_proxy import EngineProxy
from support.targets_bundles import (
    PYTHON,
    container_settings,
    containers_of,
    free_port,
    make_bundle,
    post,
    processes,
    refused,
    said,
    target,
    the_container,
    until,
)
from support.targets_deployer import deployer

from toc_build.errors import TargetError
from toc_build.targets import State
from toc_build.targets.local import container_run
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.ports import listen
from toc_build.targets.local.restarts import RestartPolicy
from toc_build.targets.local.server_container import ServerContainer
from toc_build.targets.local.settings import BundleReference, LocalSettings
from toc_build.targets.local.state import StateFolder

LOOKING = """
import json, os, pathlib, socket

def denied(work):
    try:
        work()
    except OSError as error:
        return error.errno or str(error)

def look():
    status = dict(line.split(":\\t") for line in open("/proc/self/status") if ":\\t" in line)
    print("SEEN " + json.dumps({
        "user": os.getuid(),
        "capabilities": status["CapEff"].strip() + status["CapBnd"].strip(),
        "privileges": status["NoNewPrivs"].strip(),
        "root": denied(lambda: open("/new", "w")),
        "code": denied(lambda: open(os.environ["AML_APP_ROOT"] + "/new", "w")),
        "model": denied(lambda: open(os.environ["AZUREML_MODEL_DIR"] + "/new", "w")),
        "tmp": denied(lambda: open("/tmp/new", "w").close()),
        "outside": denied(lambda: socket.create_connection(("192.0.2.1", 80), 2)),
        "first": pathlib.Path("/proc/1/comm").read_text().strip(),
    }), flush=True)
"""


def test_it_has_as_little_as_it_needs(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    service = target(states / "a", free_port(), memory_gb=0.4, pids_limit=100)
    list(
        service.apply(
            make_bundle(tmp_path / "bundle", before="import looking", init="looking.look()", looking=LOOKING)
        )
    )
    line = next(line for line in service.logs() if "SEEN {" in line)
    seen = json.loads(line.partition("SEEN ")[2])
    assert seen["user"] == 10001
    assert set(seen["capabilities"]) == {"0"}
    assert seen["privileges"] == "1"
    assert (seen["root"], seen["code"], seen["model"], seen["tmp"]) == (30, 30, 30, None)
    assert seen["outside"] is not None
    assert seen["first"] in {"docker-init", "tini", "catatonit"}
    container = the_container(in_container, states)
    limits = container.attrs["HostConfig"]
    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (400_000_000, 400_000_000, 100)
    assert not limits["Privileged"]
    published = container.attrs["NetworkSettings"]["Ports"].values()
    assert all(place["HostIp"] == "127.0.0.1" for places in published for place in places or ())
    list(service.delete())
    assert until(lambda: not containers_of(in_container, states))


def test_services_that_begin_at_the_same_moment(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    services = [target(states / name, free_port()) for name in "abcd"]
    with ThreadPoolExecutor(len(services)) as pool:
        list(pool.map(lambda service: list(service.apply(bundle)), services))
    assert [service.status().state for service in services] == [State.READY] * 4
    for service in services:
        list(service.delete())
    assert until(lambda: not containers_of(in_container, states))


def test_a_network_that_goes_just_before_it_is_joined(
    states: Path, tmp_path: Path, in_container: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, asked = container_run._network, []

    def one_that_went(client: docker.DockerClient) -> str:
        asked.append(client)
        return f"{container_run.NETWORKS}that-went" if len(asked) == 1 else network(client)

    monkeypatch.setattr(container_run, "_network", one_that_went)
    bundle = make_bundle(tmp_path / "bundle")
    (states / "a").mkdir(parents=True)
    with contextlib.closing(listen(0)) as public:
        server = ServerContainer(
            BundleReference(bundle.root, bundle.digest),
            LocalSettings(PYTHON, container=container_settings()),
            public,
            states / "a" / "servers" / "1",
            ServiceLog(states / "a" / "log"),
        )
        assert len(asked) == 2
        (container,) = containers_of(in_container, states)
        assert container.status == "running"
        server.kill()
    assert until(lambda: not containers_of(in_container, states))


@dataclass(frozen=True)
class Mistake:
    name: str
    code: str
    where: str | None
    said: tuple[str, ...]
    init: str = "pass"
    before: str = ""
    modules: dict[str, str] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    readiness_seconds: float = 30.0


SETTINGS = "deploy.yml targets -> local -> container"
MISTAKES = [
    Mistake(
        "init raises",
        "TOC-LOCAL-005",
        "scoring/detector.py:2",
        ("`init()` raised KeyError: 'weights'", 'File "scoring/score.py", line 8, in init'),
        before="import detector",
        init="detector.load('weights')",
        modules={"detector": "def load(name):\n    return {}[name]\n"},
    ),
    Mistake(
        "init hangs",
        "TOC-LOCAL-012",
        "scoring/score.py:8",
        ("not ready after 4 s", "line 8, in init\nLast lines:", "loading the model"),
        init="print('loading the model'); __import__('time').sleep(60)",
        readiness_seconds=4,
    ),
    Mistake(
        "memory runs out",
        "TOC-LOCAL-030",
        f"{SETTINGS} -> memory_gb",
        ("memory of 0.15 GB does not suffice", "the kernel ended"),
        init="globals().update(x=bytearray(300_000_000))",
        limits={"memory_gb": 0.15},
    ),
    Mistake(
        "it writes into the image",
        "TOC-LOCAL-031",
        "scoring/score.py:8",
        ("the scoring code writes to /weights.bin, where the image is read-only", "tempfile.gettempdir()"),
        init="open('/weights.bin', 'wb')",
    ),
    Mistake(
        "it fills the disk in memory",
        "TOC-LOCAL-032",
        "scoring/score.py:8",
        ("has filled /tmp", "0.2 GB"),
        init="open('/tmp/x', 'wb').write(bytes(110_000_000))",
        limits={"memory_gb": 0.2},
    ),
    Mistake(
        "too many threads",
        "TOC-LOCAL-033",
        f"{SETTINGS} -> pids_limit",
        ("limit of 32 processes and threads",),
        before="import threading",
        init="[threading.Thread(target=threading.Event().wait, daemon=True).start() for _ in range(50)]",
        limits={"pids_limit": 32},
    ),
    Mistake(
        "it reaches outside",
        "TOC-LOCAL-034",
        "scoring/score.py:8",
        ("reaches for another machine", "outbound: true"),
        init="__import__('socket').create_connection(('192.0.2.1', 80), 5)",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_start_that_fails(
    states: Path, tmp_path: Path, in_container: docker.DockerClient, mistake: Mistake
) -> None:
    port = free_port()
    service = target(states / "a", port, readiness_seconds=mistake.readiness_seconds, **mistake.limits)
    bundle = make_bundle(tmp_path / "bundle", before=mistake.before, init=mistake.init, **mistake.modules)
    with pytest.raises(TargetError) as failure:
        list(service.apply(bundle))
    problem = failure.value.problems[0]
    text = str(problem)
    assert (problem.code, problem.where) == (mistake.code, mistake.where), text
    assert "\n" not in problem.what
    for words in mistake.said:
        assert words in text, text
    assert str(bundle.root) not in text, text
    assert "/toc-build/" not in text, text
    assert service.status().state is State.FAILED
    assert mistake.code in str(service.status().detail)
    assert refused(port)
    assert until(lambda: not containers_of(in_container, states), 5)


def test_workers_that_are_killed_for_ever(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    """gunicorn would start them again without end while the container says that it is running."""
    port = free_port()
    run = "request.args.get('x') and globals().update(x=bytearray(300_000_000))"
    service = target(states / "a", port, memory_gb=0.15)
    with service.foreground(RestartPolicy(limit=0)):
        list(service.apply(make_bundle(tmp_path / "bundle", run=run)))
        for _ in range(3):
            with pytest.raises(httpx.HTTPError):
                httpx.post(f"http://127.0.0.1:{port}/score?x=1", content=b"x", timeout=20, trust_env=False)
        assert until(lambda: service.status().state is State.FAILED)
        detail = str(service.status().detail)
        assert "TOC-LOCAL-030" in detail
        assert "memory of 0.15 GB does not suffice: the kernel ended 3 of its processes" in detail
        assert sum("TOC-LOCAL-030 a worker was killed" in line for line in service.logs()) == 3


def test_a_write_into_the_image_while_serving_is_noted(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    port = free_port()
    service = target(states / "a", port)
    list(service.apply(make_bundle(tmp_path / "bundle", run="open('/cache.bin', 'wb')")))
    for _ in range(3):
        answer = httpx.post(f"http://127.0.0.1:{port}/score", content=b"x", timeout=20, trust_env=False)
        assert answer.status_code == 500
    assert until(lambda: said(service, "toc-build: TOC-LOCAL-031 the scoring code writes to /cache.bin"))


class Load:
    """Callers that never stop asking, some of them on a connection that they keep."""

    def __init__(self, port: int, keeping: int = 1) -> None:
        self.versions: list[str] = []
        self.refused = 0
        self.lost: list[str] = []
        self._port = port
        self._done = threading.Event()
        kinds = [number < keeping for number in range(3)]
        self._threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in kinds]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, keep_alive: bool) -> None:
        with httpx.Client(timeout=20, trust_env=False) as client:
            while not self._done.is_set():
                headers = {} if keep_alive else {"Connection": "close"}
                try:
                    answer = client.post(
                        f"http://127.0.0.1:{self._port}/score", content=b"x" * 50_000, headers=headers
                    )
                    self.versions.append(answer.raise_for_status().json()["version"])
                except httpx.ConnectError:
                    self.refused += 1
                    self._done.wait(0.05)
                except Exception as error:  # noqa: BLE001 - any failure counts
                    self.lost.append(repr(error))


SLOW = "import time; request.get_data(); time.sleep(0.05)"


def test_a_change_refuses_and_loses_no_request(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    port = free_port()
    service = target(states / "a", port)
    list(service.apply(make_bundle(tmp_path / "one", "one", run=SLOW)))
    broken = make_bundle(tmp_path / "broken", "broken", init="raise ValueError('no weights')")
    with Load(port) as load:
        assert until(lambda: "one" in load.versions)
        with pytest.raises(TargetError, match="no weights"):
            list(service.reload(broken))
        asked = len(load.versions)
        assert until(lambda: len(load.versions) > asked + 5)
        list(service.reload(make_bundle(tmp_path / "two", "two", run=SLOW)))
        assert until(lambda: load.versions[-5:] == ["two"] * 5)
        list(service.reload())
        asked = len(load.versions)
        assert until(lambda: len(load.versions) > asked + 5)
    assert (load.lost, load.refused) == ([], 0)
    assert set(load.versions) == {"one", "two"}
    assert until(lambda: len(containers_of(in_container, states)) == 1)


def test_ended_under_load_it_loses_no_request_that_it_has_accepted(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    port = free_port()
    service = target(states / "a", port)
    list(service.apply(make_bundle(tmp_path / "one", "one", run=SLOW)))
    record = StateFolder(states / "a").read()
    assert record is not None
    # Between two requests a kept connection may be closed at any time: HTTP leaves that to the caller.
    with Load(port, keeping=0) as load:
        assert until(lambda: len(load.versions) > 10)
        record.supervisor.send(signal.SIGTERM)
        assert until(lambda: load.refused > 2)
    assert load.lost == []
    assert until(lambda: service.status().state is State.STOPPED)
    assert until(lambda: not containers_of(in_container, states))


def test_a_long_request_is_finished_before_the_end(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    port = free_port()
    service = target(states / "a", port)
    run = "print('in run', flush=True); __import__('time').sleep(3)"
    list(service.apply(make_bundle(tmp_path / "bundle", run=run)))
    answers: list[str] = []
    caller = threading.Thread(target=lambda: answers.append(post(port)))
    caller.start()
    assert until(lambda: said(service, "in run"))
    list(service.delete())
    caller.join()
    assert "one" in answers[0]


def test_a_killed_supervisor_takes_its_container_with_it(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    port = free_port()
    service = target(states / "a", port)
    bundle = make_bundle(tmp_path / "bundle")
    list(service.apply(bundle))
    record = StateFolder(states / "a").read()
    assert record is not None
    assert len(containers_of(in_container, states)) == 1
    os.kill(record.supervisor.pid, signal.SIGKILL)
    assert until(lambda: service.status().state is State.STOPPED)
    assert until(lambda: not containers_of(in_container, states), 10)  # nobody but its lifeline ends it
    list(service.apply(bundle))
    assert "one" in post(port)
    list(service.delete())
    assert service.status().state is State.ABSENT
    assert containers_of(in_container, states) == []


def test_a_container_that_heeds_no_lifeline_is_removed_by_the_next_command(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    service = target(states / "a", free_port())
    list(service.apply(make_bundle(tmp_path / "bundle")))
    record = StateFolder(states / "a").read()
    container = the_container(in_container, states)
    container.pause()
    assert record is not None
    os.kill(record.supervisor.pid, signal.SIGKILL)
    assert until(lambda: service.status().state is State.STOPPED)
    list(service.delete())
    assert containers_of(in_container, states) == []


def test_a_deployment_that_is_killed_half_way_leaves_nothing(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    port = free_port()
    service = target(states / "a", port)
    bundle = make_bundle(
        tmp_path / "bundle", init="print('in init', flush=True); __import__('time').sleep(60)"
    )
    with deployer("apply", states / "a", bundle, port) as process:
        assert until(lambda: said(service, "in init"), 30)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    assert until(lambda: service.status().state is State.ABSENT, 10), service.status()
    assert until(lambda: not containers_of(in_container, states), 10)
    assert until(lambda: not processes(states), 3), processes(states)
    assert refused(port)


def test_a_container_that_is_killed_is_started_again(
    states: Path, tmp_path: Path, in_container: docker.DockerClient
) -> None:
    port = free_port()
    service = target(states / "a", port)
    list(service.apply(make_bundle(tmp_path / "bundle")))
    first = the_container(in_container, states)
    first.kill()
    assert until(lambda: "restarted after a crash" in str(service.status().detail), 20)
    assert "one" in post(port)
    second = the_container(in_container, states)
    assert second.id != first.id


def test_an_image_that_is_not_there_any_more(
    states: Path, tmp_path: Path, in_container: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = os.environ["TOC_TEST_CONTAINER"].split()[0]
    monkeypatch.setenv("TOC_TEST_CONTAINER", f"{engine} sha256:{'0' * 64}")
    with pytest.raises(TargetError) as missing:
        list(target(states / "a", free_port()).apply(make_bundle(tmp_path / "bundle")))
    assert missing.value.code == "TOC-ENGINE-008"
    assert "deploy again" in str(missing.value)


def test_from_a_process_to_a_container_and_back(
    states: Path, tmp_path: Path, in_container: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One socket, accepted from by whoever serves."""
    port = free_port()
    container = target(states / "a", port)
    monkeypatch.delenv("TOC_TEST_CONTAINER")
    process = target(states / "a", port)
    bundles = [make_bundle(tmp_path / name, name, run=SLOW) for name in ("one", "two", "three")]
    list(process.apply(bundles[0]))
    with Load(port) as load:
        assert until(lambda: "one" in load.versions)
        list(container.apply(bundles[1]))
        assert until(lambda: "two" in load.versions)
        list(process.apply(bundles[2]))
        assert until(lambda: "three" in load.versions)
    assert (load.lost, load.refused) == ([], 0)
    assert until(lambda: not containers_of(in_container, states))


def test_an_engine_that_stops(
    states: Path,
    tmp_path: Path,
    in_container: docker.DockerClient,
    engine_address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    proxy = EngineProxy(engine_address)
    image = os.environ["TOC_TEST_CONTAINER"].split()[1]
    monkeypatch.setenv("TOC_TEST_CONTAINER", f"{proxy.url} {image}")
    service = target(states / "a", port)
    with service.foreground(RestartPolicy(limit=1)):
        list(service.apply(make_bundle(tmp_path / "bundle")))
        assert "one" in post(port)
        proxy.cut()
        assert until(lambda: service.status().state is State.FAILED, 30), service.status()
        assert "TOC-ENGINE-004 the container engine" in str(service.status().detail).replace(
            f"{proxy.url}: ", ""
        )
        assert any("TOC-ENGINE-011" in line and "has stopped" in line for line in service.logs())
        assert refused(port)
    assert until(lambda: not containers_of(in_container, states), 10)
