"""The engine is found where the user named it, then where engines usually are."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from toc_build.errors import TargetError
from toc_build.image import engine_address
from toc_build.image.engine_address import EngineAddress, find

USUAL_PLACES = engine_address.usual_places


@pytest.fixture
def listening(short_folder: Path) -> Iterator[Path]:
    path = short_folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield path


@pytest.fixture
def short_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose paths fit a socket's address."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture(autouse=True)
def home(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the machine's own engines and contexts is seen."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(short_folder / "docker-config"))
    monkeypatch.setattr(engine_address, "usual_places", lambda environ, home: [home / "engine.sock"])
    return short_folder


def test_docker_host_comes_first(listening: Path, home: Path) -> None:
    url = f"unix://{listening}"
    assert find({"DOCKER_HOST": url}, home / "nowhere") == EngineAddress(url, "DOCKER_HOST")


def test_a_usual_place(listening: Path, home: Path) -> None:
    assert find({}, home) == EngineAddress(f"unix://{listening}")


def test_the_current_docker_context(listening: Path, home: Path) -> None:
    from docker.context.config import get_meta_file

    config = home / "docker-config"
    config.mkdir()
    (config / "config.json").write_text('{"currentContext": "own"}')
    meta = Path(get_meta_file("own"))
    meta.parent.mkdir(parents=True)
    meta.write_text(
        json.dumps({"Name": "own", "Metadata": {}, "Endpoints": {"docker": {"Host": f"unix://{listening}"}}})
    )
    assert find({}, home / "nowhere") == EngineAddress(f"unix://{listening}", "docker context 'own'")


def test_no_engine_at_all(home: Path) -> None:
    with pytest.raises(TargetError) as none:
        find({}, home)
    assert none.value.code == "TOC-ENGINE-002"
    assert str(home / "engine.sock") in str(none.value)


def test_an_engine_that_is_stopped(home: Path) -> None:
    path = home / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))  # the file stays, nobody listens
    with pytest.raises(TargetError, match="nothing answers there") as stopped:
        find({}, home)
    assert stopped.value.code == "TOC-ENGINE-004"
    with pytest.raises(TargetError, match="no such socket") as gone:
        find({"DOCKER_HOST": f"unix://{home / 'gone.sock'}"}, home)
    assert gone.value.code == "TOC-ENGINE-004"
    assert gone.value.problems[0].where == "DOCKER_HOST"


def test_a_socket_that_this_user_may_not_use(
    listening: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.getuid() == 0:  # root may use every socket

        def denied(_socket: socket.socket, address: str) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(engine_address.socket.socket, "connect", denied)
    else:
        listening.chmod(0)
    with pytest.raises(TargetError, match="may not use") as refused:
        find({}, home)
    assert refused.value.code == "TOC-ENGINE-003"
    assert "usermod" in str(refused.value)


@pytest.mark.parametrize("url", ["tcp://build.example.org:2376", "ssh://me@build.example.org"])
def test_an_engine_elsewhere(home: Path, url: str) -> None:
    with pytest.raises(TargetError) as elsewhere:
        find({"DOCKER_HOST": url}, home)
    assert elsewhere.value.code == "TOC-ENGINE-005"


def test_a_context_that_is_not_there(home: Path) -> None:
    with pytest.raises(TargetError) as unknown:
        find({"DOCKER_CONTEXT": "nowhere"}, home)
    assert unknown.value.code in {"TOC-ENGINE-004", "TOC-ENGINE-006", "TOC-ENGINE-002"}


def test_where_engines_put_their_sockets() -> None:
    places = list(USUAL_PLACES({"XDG_RUNTIME_DIR": "/run/user/1000"}, Path("/home/me")))
    assert places[0] == Path("/var/run/docker.sock")
    assert Path("/run/user/1000/docker.sock") in places  # rootless Docker
    assert Path("/home/me/.docker/run/docker.sock") in places  # Docker Desktop
    assert Path("/run/user/1000/podman/podman.sock") in places
    assert Path("/run/podman/podman.sock") in places
