"""The local target from outside, with the genuine server: what a user meets when all goes well."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import httpx
import psutil
import pytest
from support.targets_bundles import free_port, make_bundle, post, processes, refused, target, until
from support.targets_deployer import deployer

from toc_build.errors import TargetError
from toc_build.targets import EventKind, State, Target


def test_life_of_a_service(states: Path, tmp_path: Path) -> None:
    port = free_port()
    service = target(states / "a", port)
    bundle = make_bundle(
        tmp_path / "bundle",
        "one",
        before="import detector, logs",
        init="print('café', os.environ['TMPDIR'], os.listdir('.'), detector.X, logs.MINE)",
        detector="X = 1",
        logs="MINE = 2",  # toc-build has a module of this name beside the launcher
    )
    assert isinstance(service, Target)
    assert service.status().state is State.ABSENT
    assert list(service.delete()) == []
    with pytest.raises(TargetError, match="nothing is deployed") as nothing:
        list(service.logs())
    assert nothing.value.code == "TOC-LOCAL-024"

    events = list(service.apply(bundle))
    assert [e.kind for e in events if e.kind is not EventKind.LOG] == [
        EventKind.STEP_STARTED,
        EventKind.STEP_FINISHED,
        EventKind.READY,
    ]
    assert events[-1].text == f"http://127.0.0.1:{port}/score"
    assert events[-1].seconds is not None
    assert json.loads(post(port))["version"] == "one"

    status = service.status()
    assert (status.state, status.digest, status.scoring_uri, status.detail) == (
        State.READY,
        bundle.digest,
        f"http://127.0.0.1:{port}/score",
        None,
    )
    assert status.started is not None
    assert status.pid is not None
    server = psutil.Process(status.pid)
    listening = [
        (process, found.laddr)
        for process in [server, *server.children(recursive=True)]
        for found in process.net_connections("inet")
        if found.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for _, address in listening} == {"127.0.0.1"}
    assert port in {address.port for _, address in listening}

    # The scorer's surroundings: its own temporary folder, an empty working folder, an untouched bundle.
    temp_dir = service.temp_dir
    assert temp_dir is not None
    assert list(temp_dir.iterdir()) == []
    lines = list(service.logs())
    assert any(f"café {temp_dir} [] 1 2" in line for line in lines)
    assert not any("Warning" in line for line in lines), lines
    assert list(service.logs(tail=2)) == lines[-2:]
    assert sorted(p.name for p in (bundle.root / "code").iterdir()) == [
        "detector.py",
        "logs.py",
        "score.py",
        "scoring.json",
    ]

    # The same again changes nothing; another port moves the service.
    assert [event.kind for event in service.apply(bundle)] == [EventKind.READY]
    assert service.status().pid == status.pid
    moved = target(states / "a", free_port())
    list(moved.apply(bundle))
    assert refused(port)
    assert moved.status().scoring_uri != status.scoring_uri
    assert "one" in post(int(moved.describe().where.rpartition(":")[2]))

    followed: list[str] = []
    follower = threading.Thread(target=lambda: followed.extend(service.logs(tail=1, follow=True)))
    follower.start()
    assert until(lambda: followed)
    list(service.delete())
    follower.join(5)
    assert not follower.is_alive()
    assert service.status().state is State.ABSENT
    assert until(lambda: not processes(states), 3), processes(states)
    assert not temp_dir.exists()
    assert sorted(path.name for path in (states / "a").iterdir()) == ["operation.lock", "supervisor.lock"]


def test_reload_refuses_and_loses_no_request(states: Path, tmp_path: Path) -> None:
    port = free_port()
    service = target(states / "a", port, workers=2)
    slow = "import time; time.sleep(0.05)"
    list(service.apply(make_bundle(tmp_path / "one", "one", run=slow)))
    broken = make_bundle(tmp_path / "broken", "broken", init="raise ValueError('no weights')")
    answers: list[str] = []
    failures: list[str] = []
    done = threading.Event()

    def ask(keep_alive: bool) -> None:
        with httpx.Client(timeout=10) as client:
            while not done.is_set():
                try:
                    if keep_alive:
                        answer = client.post(f"http://127.0.0.1:{port}/score", content=b"x")
                        answers.append(answer.raise_for_status().json()["version"])
                    else:
                        answers.append(json.loads(post(port))["version"])
                except Exception as error:  # noqa: BLE001 - any failure counts
                    failures.append(repr(error))

    clients = [threading.Thread(target=ask, args=(kept,)) for kept in (True, False, False)]
    for client in clients:
        client.start()
    try:
        assert until(lambda: "one" in answers)
        with pytest.raises(TargetError) as refusal:
            list(service.reload(broken))
        during = service.status()
        asked = len(answers)
        assert until(lambda: len(answers) > asked + 5)
        list(service.reload(make_bundle(tmp_path / "two", "two", run=slow)))
        assert until(lambda: answers[-5:] == ["two"] * 5)
        first = service.status().pid
        list(service.reload())  # the same bundle afresh
    finally:
        done.set()
        for client in clients:
            client.join()
    assert failures == []
    assert refusal.value.code == "TOC-LOCAL-005"
    assert during.state is State.READY
    assert during.detail is not None
    assert "no weights" in during.detail
    assert set(answers) == {"one", "two"}
    assert service.status().pid != first
    assert service.status().detail is None


def test_a_port_held_for_a_repository_that_is_gone(states: Path, tmp_path: Path) -> None:
    port = free_port()
    list(target(states / "a", port).apply(make_bundle(tmp_path / "one", "one")))
    state = states / "a" / "state.json"
    values = json.loads(state.read_text())
    state.write_text(json.dumps(values | {"repository": str(tmp_path / "moved-away")}))
    with pytest.raises(TargetError) as taken:
        list(target(states / "b", port).apply(make_bundle(tmp_path / "two", "two")))
    assert taken.value.code == "TOC-LOCAL-003"
    assert "a folder that is gone" in str(taken.value)
    assert f"`kill {values['supervisor']['pid']}`" in str(taken.value)


def test_services_of_two_repositories(states: Path, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    one, two = target(states / "a", first), target(states / "b", second)
    list(one.apply(make_bundle(tmp_path / "one", "one")))
    with pytest.raises(TargetError) as taken:
        list(target(states / "b", first).apply(make_bundle(tmp_path / "refused", "two")))
    assert taken.value.code == "TOC-LOCAL-003"
    assert str(states / "a") in str(taken.value)
    assert "toc-build delete" in str(taken.value)
    assert target(states / "b", first).status().state is State.FAILED
    list(two.apply(make_bundle(tmp_path / "two", "two")))
    assert "one" in post(first)
    assert "two" in post(second)
    list(one.delete())
    assert refused(first)
    assert "two" in post(second)


def test_reload_of_nothing(states: Path) -> None:
    with pytest.raises(TargetError) as nothing:
        list(target(states / "a", free_port()).reload())
    assert nothing.value.code == "TOC-LOCAL-024"


def test_a_stray_service_is_named(states: Path, tmp_path: Path) -> None:
    """Its repository was renamed, or the cache was removed under it: the port gives it away."""
    port = free_port()
    list(target(states / "a", port).apply(make_bundle(tmp_path / "one", "one")))
    state = states / "a" / "state.json"
    values = json.loads(state.read_text())
    pid = values["supervisor"]["pid"]
    asking = target(states / "b", port)
    assert str(states / "a") in str(asking.status().detail)
    state.write_text(json.dumps(values | {"repository": str(tmp_path / "moved-away")}))
    assert f"end it with `kill {pid}`" in str(asking.status().detail)
    shutil.rmtree(states)
    status = asking.status()
    assert status.state is State.ABSENT
    assert f"end it with `kill {pid}`" in str(status.detail)
    assert list(asking.delete()) == []
    os.kill(pid, signal.SIGTERM)
    assert until(lambda: asking.status().detail is None, 20)


def test_what_serve_serves_is_not_deployed_over(states: Path, tmp_path: Path) -> None:
    port = free_port()
    with deployer("foreground", states / "a", make_bundle(tmp_path / "one", "one"), port) as process:
        service = target(states / "a", port)
        assert until(lambda: service.status().state is State.READY)
        with pytest.raises(TargetError) as refused:
            list(service.apply(make_bundle(tmp_path / "two", "two")))
        assert refused.value.code == "TOC-LOCAL-036"
        assert str(process.pid) in str(refused.value)
        list(service.reload())
        assert "one" in post(port)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
