"""The line between a command and the supervisor."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from toc_build.errors import Problem, Rejected, TargetError
from toc_build.targets import Event, EventKind
from toc_build.targets.local.control import (
    Consult,
    ControlClient,
    ControlServer,
    Emit,
    control_path,
)
from toc_build.targets.local.server import OperationCancelled
from toc_build.targets.local.state import remove_control


def connect(handler: Any, ended: threading.Event) -> ControlClient:
    ours, theirs = socket.socketpair()
    ControlServer(handler, ended.set).adopt(theirs)
    return ControlClient(ours, Path("service.log"))


def test_events_and_errors_cross_whole() -> None:
    sent = [
        Event(EventKind.LOG, "init", "é", None, 0.5),
        Event(EventKind.READY, "ready", "uri", 1.5),
    ]
    problems = [
        Problem("TOC-LOCAL-005", "what", "where", "fix", "details"),
        Problem("TOC-LOCAL-006", "two"),
    ]

    def handler(request: dict[str, Any], emit: Emit, cancelled: threading.Event, _: Consult) -> None:
        assert request == {"command": "x"}
        for event in sent:
            emit(event)
        raise TargetError.collect(problems)

    ended = threading.Event()
    client = connect(handler, ended)
    got: list[Event] = []
    with pytest.raises(TargetError) as error:
        got.extend(iter_into(got, client.ask({"command": "x"})))
    assert got == sent
    assert list(error.value.problems) == problems
    client.close()
    assert ended.wait(5)


def iter_into(got: list[Event], events: Any) -> list[Event]:
    for event in events:
        got.append(event)  # noqa: PERF402 - what came before the error is looked at
    return []


def test_a_goodbye_cancels_and_waits_for_the_clearing_up() -> None:
    cleared = threading.Event()

    def handler(request: dict[str, Any], emit: Emit, cancelled: threading.Event, _: Consult) -> None:
        emit(Event(EventKind.STEP_STARTED, "init"))
        assert cancelled.wait(5)
        cleared.set()
        raise OperationCancelled

    client = connect(handler, threading.Event())
    events = client.ask({})
    next(events)
    client.close()
    assert cleared.is_set()


def test_a_consultation_admits_or_refuses() -> None:
    heard: list[str] = []

    def handler(request: dict[str, Any], emit: Emit, cancelled: threading.Event, consult: Consult) -> None:
        for question in ("first", "second"):
            try:
                consult({"uri": question})
                heard.append("admitted")
            except TargetError as refused:
                heard.append(refused.code)
                raise

    def consulted(question: dict[str, Any]) -> None:
        if question["uri"] == "second":
            raise Rejected("wrong labels", code="TOC-JUDGE-001")

    client = connect(handler, threading.Event())
    with pytest.raises(Rejected, match="wrong labels"):
        list(client.ask({}, consulted))
    client.close()
    assert heard == ["admitted", "TOC-JUDGE-001"]


def test_an_asker_who_dies_while_consulted_cancels() -> None:
    cancelled_in_time = threading.Event()

    def handler(request: dict[str, Any], emit: Emit, cancelled: threading.Event, consult: Consult) -> None:
        try:
            consult({})
        except OperationCancelled:
            cancelled_in_time.set()
            raise

    def dies(_: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    client = connect(handler, threading.Event())
    with pytest.raises(KeyboardInterrupt):
        list(client.ask({}, dies))
    client.close()
    assert cancelled_in_time.is_set()


def test_a_supervisor_that_goes_away() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    client = ControlClient(ours, Path("service.log"))
    with pytest.raises(TargetError) as lost:
        list(client.ask({}))
    assert (lost.value.code, lost.value.problems[0].where) == ("TOC-LOCAL-023", "service.log")
    client.close()
    with pytest.raises(TargetError, match="ended unexpectedly"):
        ControlClient.connect(Path("/nonexistent/control"), Path("service.log"))


def test_a_path_too_long_for_a_socket_goes_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    path = control_path(deep)
    assert path.parent != deep
    assert (path.parent.stat().st_mode & 0o777) == 0o700
    ended = threading.Event()
    server = ControlServer(lambda *_: None, ended.set)
    server.listen(path)
    assert (path.stat().st_mode & 0o777) == 0o600
    client = ControlClient.connect(path, Path("log"))
    assert list(client.ask({})) == []
    client.close()
    assert ended.wait(5)
    server.close()
    remove_control(path, deep)
    assert not path.parent.exists()


def test_what_nobody_foresaw_is_told_as_well() -> None:
    def handler(request: dict[str, Any], *_: Any) -> None:
        raise KeyError(request["command"])

    client = connect(handler, threading.Event())
    with pytest.raises(TargetError) as error:
        list(client.ask({"command": "odd"}))
    assert error.value.code == "TOC-LOCAL-035"
    assert "KeyError: 'odd'" in str(error.value)
    client.close()
