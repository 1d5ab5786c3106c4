"""The local target keeps the target protocol, with the genuine server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.targets_bundles import HandMadeBundle, free_port, make_bundle, target
from support.targets_contract import Place, TargetContract

FAULTS = {
    None: "pass",
    "init": "raise ValueError('no weights')",
    "ready": "import time; time.sleep(60)",
}


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def place(self, states: Path, tmp_path: Path) -> Iterator[Place]:
        port = free_port()
        patience = [30.0]

        def bundle(version: str, fault: str | None = None) -> HandMadeBundle:
            patience[0] = 1.5 if fault == "ready" else 30.0
            return make_bundle(tmp_path / version, version, init=FAULTS[fault])

        def fresh(workers: int = 1):  # type: ignore[no-untyped-def]
            return target(states / "a", port, readiness_seconds=patience[0], workers=workers)

        yield Place(fresh, bundle, version, changed=lambda: fresh(workers=2))
        for _ in fresh().delete():
            pass


def version(uri: str, _headers: dict[str, str]) -> str:
    answer = httpx.post(uri, content=b"x", timeout=10, trust_env=False)
    return str(json.loads(answer.raise_for_status().text)["version"])
