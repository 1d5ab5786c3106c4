"""The target aci keeps the protocol: genuine azureml-core, rehearsed Azure, real scorers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.azure_place import Rehearsal, new_name, version
from support.targets_contract import Place, TargetContract

from toc_build.targets.plan import Effect

pytestmark = pytest.mark.end_to_end


class TestAci(TargetContract):
    @pytest.fixture
    def place(self, azure: Rehearsal) -> Iterator[Place]:
        name = new_name("aci")

        def target(**changes: object):  # type: ignore[no-untyped-def]
            return azure.aci(name, deadlines={"schedule": 12.0, "init": 12.0}, **changes)

        yield Place(
            target,
            azure.bundle,
            version,
            headers=lambda: target().headers(),
            changed=lambda: target(memory_gb=1.5),
            update_effect=Effect.INTERRUPTS,
        )
        list(target().delete())
