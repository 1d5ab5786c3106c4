"""The target aks keeps the protocol: genuine azureml-core, rehearsed Azure, real scorers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.azure_place import Rehearsal, new_name, version
from support.targets_contract import Place, TargetContract

pytestmark = pytest.mark.end_to_end


class TestAks(TargetContract):
    @pytest.fixture
    def place(self, azure: Rehearsal) -> Iterator[Place]:
        name = new_name("aks")

        def target(**changes: object):  # type: ignore[no-untyped-def]
            return azure.aks(name, deadlines={"schedule": 12.0, "init": 12.0}, **changes)

        yield Place(
            target,
            azure.bundle,
            version,
            headers=lambda: target().headers(),
            changed=lambda: target(scoring_timeout_ms=30000),
        )
        list(target().delete())
