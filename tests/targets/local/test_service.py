"""A new server can be judged before any client meets it."""

from __future__ import annotations

import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.targets_bundles import PYTHON, HandMadeBundle, make_bundle, post, processes, until

from toc_build.errors import TargetError
from toc_build.targets import Event, EventKind, State
from toc_build.targets.local import LocalSettings
from toc_build.targets.local.logs import ServiceLog
from toc_build.targets.local.server import OperationCancelled, Server
from toc_build.targets.local.service import Service, Snapshot
from toc_build.targets.local.settings import BundleReference
from toc_build.targets.local.state import StateFolder

SETTINGS = LocalSettings(PYTHON, port=0, timeout_seconds=5, readiness_seconds=20)


def reference(bundle: HandMadeBundle) -> BundleReference:
    return BundleReference(bundle.root, bundle.digest)


@pytest.fixture
def seen() -> list[Snapshot]:
    return []


@pytest.fixture
def service(states: Path, seen: list[Snapshot]) -> Iterator[Service]:
    folder = StateFolder(states / "a")
    folder.make()
    service = Service(folder, ServiceLog(folder.log_path), seen.append, lambda: None)
    yield service
    service.close(1.0)


def test_judged_before_any_client_meets_it(service: Service, tmp_path: Path, seen: list[Snapshot]) -> None:
    events: list[Event] = []
    never = threading.Event()
    service.switch(reference(make_bundle(tmp_path / "one", "one")), SETTINGS, events.append, never)
    port = service.port
    assert port is not None
    judged: list[str] = []

    def judge(new: Server) -> None:
        with urllib.request.urlopen(urllib.request.Request(f"{new.private_uri}/score", data=b"x")) as answer:
            judged.append(answer.read().decode())
        publicly = {post(port) for _ in range(20)}
        judged.extend(publicly)
        raise TargetError("wrong answers", code="TOC-TEST-001")

    two = make_bundle(tmp_path / "two", "two")
    with pytest.raises(TargetError, match="wrong answers"):
        service.switch(reference(two), SETTINGS, events.append, never, judge)
    assert '"two"' in judged[0]
    assert all('"one"' in answer for answer in judged[1:])
    assert len(judged) == 2
    assert '"one"' in post(port)
    assert seen[-1].state is State.READY
    assert "TOC-TEST-001" in str(seen[-1].detail)
    assert len(seen[-1].servers) == 1

    service.switch(reference(two), SETTINGS, events.append, never, lambda new: None)
    assert '"two"' in post(port)
    assert service.port == port
    assert events[-1].kind is EventKind.READY


def test_what_is_wanted_already_is_published_before_that_is_said(
    states: Path, tmp_path: Path, seen: list[Snapshot]
) -> None:
    """A second command, after a kill of the first, is told `ready` only when the record says so as well."""
    entered, release = threading.Event(), threading.Event()

    def publish(snapshot: Snapshot) -> None:
        if snapshot.state is State.READY:
            entered.set()
            release.wait(20)
        seen.append(snapshot)

    folder = StateFolder(states / "slow")
    folder.make()
    service = Service(folder, ServiceLog(folder.log_path), publish, lambda: None)
    bundle, never = reference(make_bundle(tmp_path / "one", "one")), threading.Event()
    told: list[list[Snapshot]] = []
    first = threading.Thread(target=service.switch, args=(bundle, SETTINGS, lambda _: None, never))
    second = threading.Thread(
        target=service.switch, args=(bundle, SETTINGS, lambda _: told.append(list(seen)), never)
    )
    first.start()
    try:
        assert entered.wait(20)
        second.start()
        second.join(0.3)
        release.set()
        second.join()
        assert [snapshot.state for snapshot in told[0]][-1] is State.READY
        assert len(seen[-1].servers) == 1
    finally:
        release.set()
        first.join()
        service.close(1.0)


def test_a_request_under_way_is_finished_by_the_old_server(service: Service, tmp_path: Path) -> None:
    mark = tmp_path / "in-run"
    release = tmp_path / "release"
    slow = (
        f"open({str(mark)!r}, 'w').close(); import time\n"
        f"    while not os.path.exists({str(release)!r}): time.sleep(0.02)"
    )
    never = threading.Event()
    service.switch(reference(make_bundle(tmp_path / "one", "one", run=slow)), SETTINGS, lambda _: None, never)
    port = service.port
    assert port is not None
    answers: list[str] = []
    client = threading.Thread(target=lambda: answers.append(post(port)))
    client.start()
    assert until(mark.exists)
    service.switch(reference(make_bundle(tmp_path / "two", "two")), SETTINGS, lambda _: None, never)
    assert '"two"' in post(port)
    assert answers == []
    release.touch()
    client.join()
    assert '"one"' in answers[0]


def test_cancelled_before_it_is_ready(
    service: Service, states: Path, tmp_path: Path, seen: list[Snapshot]
) -> None:
    mark = tmp_path / "in-init"
    bundle = make_bundle(
        tmp_path / "one", init=f"open({str(mark)!r}, 'w').close(); __import__('time').sleep(60)"
    )
    cancelled = threading.Event()
    threading.Thread(target=lambda: until(mark.exists) and cancelled.set()).start()
    with pytest.raises(OperationCancelled):
        service.switch(reference(bundle), SETTINGS, lambda _: None, cancelled)
    assert [snapshot.state for snapshot in seen] == [State.STARTING, State.ABSENT]
    assert service.idle()
    assert service.port is None
    assert [process for process in processes(states) if process.pid != os.getpid()] == []
    assert list((states / "a" / "servers").iterdir()) == []


def test_a_restart_that_meets_the_unforeseen_is_tried_again(
    service: Service, tmp_path: Path, seen: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    service.switch(reference(make_bundle(tmp_path / "one")), SETTINGS, lambda _: None, threading.Event())
    port = service.port
    assert port is not None
    plain, failed = Service._stage, threading.Event()

    def stage(self: Service, *arguments: Any) -> Server:
        if not failed.is_set():
            failed.set()
            raise OSError(28, "No space left on device")
        return plain(self, *arguments)

    monkeypatch.setattr(Service, "_stage", stage)
    os.kill(seen[-1].servers[0].pid, signal.SIGKILL)
    assert failed.wait(20)
    assert until(lambda: seen[-1].state is State.READY, 20)
    assert "one" in post(port)
    log = service._log.path.read_text()
    assert "No space left on device" in log
