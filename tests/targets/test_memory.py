"""The in-memory target keeps the protocol, side by side and in place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.targets_bundles import HandMadeBundle
from support.targets_contract import Place, TargetContract

from toc_build.errors import TargetError
from toc_build.targets.memory import MemoryService, MemoryTarget
from toc_build.targets.protocol import DeployableBundle


def scorer(bundle: DeployableBundle):  # type: ignore[no-untyped-def]
    return lambda _image: json.dumps({"version": bundle.root.name}).encode()


def version(uri: str, headers: dict[str, str]) -> str:
    answer = httpx.post(uri, content=b"x", headers=headers, timeout=5, trust_env=False)
    return str(answer.raise_for_status().json()["version"])


class TestMemoryTarget(TargetContract):
    side_by_side = True

    @pytest.fixture
    def place(self) -> Iterator[Place]:
        service = MemoryService(scorer, key="k3y")
        failing: dict[str, TargetError] = {}

        def bundle(name: str, fault: str | None = None) -> HandMadeBundle:
            failing.clear()
            if fault:
                failing[fault] = TargetError("the start failed: no weights", code="TOC-LOCAL-005")
            return HandMadeBundle(Path(name), f"sha256:{name:0>64}")

        def target(**settings: object) -> MemoryTarget:
            return MemoryTarget(
                service, {"replicas": 1} | settings, side_by_side=self.side_by_side, fail=failing
            )

        yield Place(
            target,
            bundle,
            version,
            headers=lambda: service.headers,
            changed=lambda: target(replicas=2),
            side_by_side=self.side_by_side,
        )
        service.close()


class TestMemoryTargetInPlace(TestMemoryTarget):
    side_by_side = False


def test_a_key_is_asked_of_every_request() -> None:
    service = MemoryService(key="k3y")
    assert httpx.post(service.scoring_uri, content=b"x", trust_env=False).status_code == 401
    assert httpx.post(service.scoring_uri, headers=service.headers, trust_env=False).status_code == 503
    service.close()
