"""The local target keeps the target protocol, with the genuine server as a process.

`test_container_contract.py` is the same in containers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.targets_contract import Place, TargetContract
from support.targets_places import local_place


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def place(self, states: Path, tmp_path: Path) -> Iterator[Place]:
        yield from local_place(states, tmp_path, patience_of_faulty=1.5)
