"""The local target keeps the target protocol, with the genuine server in a container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.targets_bundles import containers_of
from support.targets_contract import Place, TargetContract
from support.targets_places import local_place


class TestLocalTargetInContainer(TargetContract):
    @pytest.fixture
    def place(self, states: Path, tmp_path: Path, in_container: docker.DockerClient) -> Iterator[Place]:
        yield from local_place(states, tmp_path, patience_of_faulty=4.0)
        assert containers_of(in_container, states) == []

    @pytest.mark.parametrize("step", ["init", "samples"])
    def test_interrupted_at_any_step(self, place: Place, step: str) -> None:
        super().test_interrupted_at_any_step(place, step)
