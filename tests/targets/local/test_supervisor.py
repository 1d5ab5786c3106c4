"""Nothing is orphaned, and the status stays true: processes that are killed at the worst moments."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest
from support.targets_bundles import (
    free_port,
    make_bundle,
    post,
    processes,
    refused,
    target,
    until,
)
from support.targets_deployer import deployer

from toc_build.errors import TargetError
from toc_build.targets import State
from toc_build.targets.local.state import StateFolder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_deployment_that_is_killed_half_way_leaves_nothing(
    states: Path, tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    service = target(states / "a", port)
    mark = tmp_path / "in-init"
    bundle = make_bundle(
        tmp_path / "bundle", init=f"open({str(mark)!r}, 'w').close(); __import__('time').sleep(60)"
    )
    with deployer("apply", states / "a", bundle, port) as process:
        assert until(mark.exists)
        assert service.status().state is State.STARTING
        os.killpg(process.pid, number)
        process.communicate(timeout=10)
    assert until(lambda: service.status().state is State.ABSENT, 3), service.status()
    assert until(lambda: not processes(states), 3), processes(states)
    assert refused(port)
    assert not (states / "a" / "state.json").exists()
    assert not (states / "a" / "servers").exists()


def test_a_killed_supervisor_takes_its_server_with_it(states: Path, tmp_path: Path) -> None:
    port = free_port()
    service = target(states / "a", port)
    bundle = make_bundle(tmp_path / "bundle")
    list(service.apply(bundle))
    record = StateFolder(states / "a").read()
    assert record is not None
    os.kill(record.supervisor.pid, signal.SIGKILL)
    assert until(lambda: service.status().state is State.STOPPED)
    assert "was killed" in str(service.status().detail)
    assert service.status().scoring_uri is None
    # At once, while the server is still ending: the port is free when it is needed.
    list(service.apply(bundle))
    assert service.status().state is State.READY
    assert "one" in post(port)

    # SIGTERM, as at a shutdown of the machine, ends it tidily and says so.
    record = StateFolder(states / "a").read()
    assert record is not None
    os.kill(record.supervisor.pid, signal.SIGTERM)
    assert until(lambda: not processes(states), 5)
    assert service.status().state is State.STOPPED
    assert "SIGTERM" in str(service.status().detail)
    list(service.delete())
    assert service.status().state is State.ABSENT


def test_a_change_that_is_killed_half_way_leaves_the_old_version(states: Path, tmp_path: Path) -> None:
    port = free_port()
    service = target(states / "a", port)
    one = make_bundle(tmp_path / "one", "one")
    list(service.apply(one))
    before = service.status()
    mark = tmp_path / "in-init"
    two = make_bundle(
        tmp_path / "two", "two", init=f"open({str(mark)!r}, 'w').close(); __import__('time').sleep(60)"
    )
    with deployer("apply", states / "a", two, port) as process:
        assert until(mark.exists)
        assert "changing to bundle" in str(service.status().detail)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    assert until(lambda: service.status() == before), service.status()
    assert processes(two.root) == []
    assert "one" in post(port)


def test_killed_with_a_worker_that_hangs_in_init(states: Path, tmp_path: Path) -> None:
    """The main process and the supervisor die together: the worker that looks at nothing ends too."""
    mark = tmp_path / "in-init"
    bundle = make_bundle(
        tmp_path / "bundle", init=f"open({str(mark)!r}, 'w').close(); __import__('time').sleep(60)"
    )
    with deployer("apply", states / "a", bundle, free_port()) as process:
        assert until(mark.exists)
        record = StateFolder(states / "a").read()
        assert record is not None
        for pid in (record.supervisor.pid, record.servers[0].pid, process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=10)
    assert until(lambda: not processes(states), 3), processes(states)


def test_serving_in_the_foreground(states: Path, tmp_path: Path) -> None:
    port = free_port()
    service = target(states / "a", port)
    bundle = make_bundle(tmp_path / "bundle")
    with deployer("foreground", states / "a", bundle, port) as process:
        assert until(lambda: service.status().state is State.READY)
        assert "one" in post(port)
        with pytest.raises(TargetError) as second, service.foreground():
            raise AssertionError("it is served already")
        assert second.value.code == "TOC-LOCAL-028"
        os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
        process.communicate(timeout=10)
    assert service.status().state is State.ABSENT
    assert until(lambda: not processes(states), 3), processes(states)
    with deployer("foreground", states / "a", bundle, port) as process:
        assert until(lambda: service.status().state is State.READY)
        list(service.delete())  # from another terminal
        assert process.wait(5) == 0
    assert until(lambda: not processes(states), 3), processes(states)


def test_one_of_two_deployments_at_once_wins(states: Path, tmp_path: Path) -> None:
    port = free_port()
    mark = tmp_path / "in-init"
    bundle = make_bundle(
        tmp_path / "bundle", init=f"open({str(mark)!r}, 'w').close(); __import__('time').sleep(1)"
    )
    service = target(states / "a", port)
    with deployer("apply", states / "a", bundle, port) as process:
        assert until(mark.exists)
        for attempt in (service.apply(bundle), service.delete()):
            with pytest.raises(TargetError) as second:
                list(attempt)
            assert second.value.code == "TOC-LOCAL-022"
            assert f"process {process.pid} (deployment since 20" in str(second.value)
        process.communicate(timeout=10)
        assert process.returncode == 0
    assert "one" in post(port)


def test_a_crashed_server_is_restarted(states: Path, tmp_path: Path) -> None:
    port = free_port()
    service = target(states / "a", port)
    list(service.apply(make_bundle(tmp_path / "bundle")))
    first = service.status().pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert until(lambda: "restart 1 of 5" in str(service.status().detail))
    assert service.status().state is State.STARTING
    assert "one" in post(port)  # the socket stayed open: the request waited for the new server
    assert until(lambda: service.status().state is State.READY)
    status = service.status()
    assert status.pid != first
    assert "restarted after a crash" in str(status.detail)
    assert "SIGKILL" in str(status.detail)
    assert not psutil.pid_exists(first)
    assert any("toc-build: server" in line and "is gone" in line for line in service.logs())


def test_a_server_that_keeps_crashing_fails_for_good(states: Path, tmp_path: Path) -> None:
    from toc_build.targets.local.restarts import RestartPolicy

    port = free_port()
    service = target(states / "a", port)
    weights = tmp_path / "weights"
    weights.touch()
    bundle = make_bundle(tmp_path / "bundle", init=f"open({str(weights)!r}).close()")
    with service.foreground(RestartPolicy(limit=1)):
        list(service.apply(bundle))
        weights.unlink()
        os.kill(service.status().pid or 0, signal.SIGKILL)
        assert until(lambda: service.status().state is State.FAILED)
        status = service.status()
        assert "TOC-LOCAL-026 crashed 2 times" in str(status.detail)
        assert "FileNotFoundError" in str(status.detail)
        assert refused(port)
        weights.touch()
        list(service.apply(bundle))  # mended
        assert "one" in post(port)
    assert service.status().state is State.ABSENT


def test_modules_in_the_users_folder_are_not_imported(
    states: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "user").mkdir()
    for name in ("queue", "secrets", "psutil", "filelock"):
        (tmp_path / "user" / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    monkeypatch.chdir(tmp_path / "user")
    service = target(states / "a", free_port())
    list(service.apply(make_bundle(tmp_path / "bundle")))
    assert service.status().state is State.READY
    list(service.delete())


def test_given_up_while_init_hangs(states: Path, tmp_path: Path) -> None:
    mark = tmp_path / "in-init"
    bundle = make_bundle(
        tmp_path / "bundle", init=f"open({str(mark)!r}, 'w').close(); __import__('time').sleep(60)"
    )
    give_up = threading.Event()
    service = target(states / "a", free_port())
    threading.Thread(target=lambda: until(mark.exists, 20) and give_up.set()).start()
    with pytest.raises(TargetError), service.foreground(grace_seconds=0, give_up=give_up):
        list(service.apply(bundle))
    assert give_up.is_set()
    assert not processes(states)


def test_lines_without_end_are_cut(states: Path, tmp_path: Path) -> None:
    port = free_port()
    service = target(states / "a", port)
    run = "print('x' * 1_000_000); print('\u2028'); print('the end', flush=True)"
    list(service.apply(make_bundle(tmp_path / "bundle", run=run)))
    post(port)
    assert until(lambda: any("the end" in line for line in service.logs()))
    longest = max(len(line) for line in service.logs())
    assert 16_000 < longest < 17_000
