"""Which engine runs a repository's local service: named, written in deploy.yml, or running already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toc_build.errors import TargetError
from toc_build.repository import load
from toc_build.targets import State
from toc_build.targets.local import ContainerSettings, LocalSettings
from toc_build.targets.local.identity import ProcessIdentity
from toc_build.targets.local.state import Record, StateFolder
from toc_build.targets.registry import local_target, open_target, running_engine, service_dir


def test_deploy_yml_names_the_engine_and_its_limits(model_repository: Path) -> None:
    assert open_target("local", load(model_repository)).describe().engine == "process"
    deploy_yml = model_repository / "deploy.yml"
    limits = "    engine: docker\n    container: {memory_gb: 0.5, pids_limit: 99, outbound: true}\n"
    deploy_yml.write_text(deploy_yml.read_text().replace("  local:\n", f"  local:\n{limits}"))
    description = open_target("local", load(model_repository)).describe()
    assert description.engine == "docker"
    assert description.settings["memory_gb"] == 0.5
    assert (description.settings["pids_limit"], description.settings["outbound"]) == (99, True)


def test_a_named_engine_comes_before_that(model_repository: Path) -> None:
    repository = load(model_repository)
    assert open_target("local", repository, engine="docker").describe().engine == "docker"
    with pytest.raises(TargetError, match="choose one of: process, docker") as unknown:
        local_target(repository, engine="rkt")
    assert unknown.value.code == "TOC-ENGINE-012"


def test_what_runs_now(model_repository: Path) -> None:
    repository = load(model_repository)
    assert running_engine(repository) is None
    folder = StateFolder(service_dir(repository))
    folder.make()
    me = ProcessIdentity.of(os.getpid())
    folder.write(Record(State.READY, me))
    assert running_engine(repository) == "process"
    folder.write(Record(State.READY, me, engine="unix:///var/run/docker.sock"))
    assert running_engine(repository) == "docker"


def test_an_earlier_versions_limits_are_put_back() -> None:
    now = LocalSettings(Path("python"), container=ContainerSettings(image="sha256:2", memory_gb=4))
    then = LocalSettings(Path("python"), port=9000, container=ContainerSettings(memory_gb=1, outbound=True))
    back = now.with_described(then.described())
    assert back.port == 9000
    assert back.container == ContainerSettings(image="sha256:2", memory_gb=1, outbound=True)
    assert LocalSettings.from_json(back.to_json()) == back
    process = LocalSettings(Path("python")).with_described(then.described())
    assert (process.port, process.container) == (9000, None)
