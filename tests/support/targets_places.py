"""The local target's place for the target contract, as a process or in a container."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
from support.targets_bundles import HandMadeBundle, free_port, make_bundle, target
from support.targets_contract import Place

FAULTS = {
    None: "pass",
    "init": "raise ValueError('no weights')",
    "ready": "import time; time.sleep(60)",
}


def local_place(states: Path, tmp_path: Path, *, patience_of_faulty: float) -> Iterator[Place]:
    """The local target's place; a version that never becomes ready is given up after so many seconds."""
    port = free_port()
    patience = [30.0]

    def bundle(version: str, fault: str | None = None) -> HandMadeBundle:
        patience[0] = patience_of_faulty if fault == "ready" else 30.0
        return make_bundle(tmp_path / version, version, init=FAULTS[fault])

    def fresh(workers: int = 1):  # type: ignore[no-untyped-def]
        return target(states / "a", port, readiness_seconds=patience[0], workers=workers)

    yield Place(fresh, bundle, version, changed=lambda: fresh(workers=2))
    for _ in fresh().delete():
        pass


def version(uri: str, _headers: dict[str, str]) -> str:
    answer = httpx.post(uri, content=b"x", timeout=10, trust_env=False)
    return str(json.loads(answer.raise_for_status().text)["version"])
