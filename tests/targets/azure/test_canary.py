"""A canary on aks: judged, promoted, withdrawn, with its share of the traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from support.azure_place import Rehearsal, new_name

from toc_build.errors import Rejected, TargetError
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.protocol import Candidate, State

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def endpoint(azure: Rehearsal) -> Iterator[str]:
    """The name of an endpoint on which version one answers."""
    name = new_name("canary")
    list(target(azure, name).apply(azure.bundle("one")))
    yield name
    list(target(azure, name).delete())


def target(azure: Rehearsal, name: str, canary: int | None = None) -> AzureTarget:
    return azure.aks(name, canary=canary, versions=True, replicas=1)


def answers(found: AzureTarget, number: int = 60) -> Counter[str]:
    uri, headers = found.status().scoring_uri, found.headers()
    assert uri is not None
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:
        return Counter(
            client.post(uri, content=b"x").raise_for_status().json()["version"] for _ in range(number)
        )


def test_a_canary_takes_its_share_and_is_promoted(azure: Rehearsal, endpoint: str) -> None:
    two = azure.bundle("two")
    met: list[Candidate] = []
    list(target(azure, endpoint, canary=30).apply(two, judge=met.append))
    assert [candidate.serving for candidate in met] == [False, True]
    found = target(azure, endpoint)
    assert found.status().state is State.READY
    assert "30 %" in str(found.status().detail)
    live = found.live()
    assert live is not None
    assert live.digest != two.digest  # the version that has most of the traffic
    shares = answers(found, 120)
    assert 15 <= shares["two"] <= 60
    list(target(azure, endpoint).apply(two))
    assert set(answers(found, 20)) == {"two"}
    promoted = found.live()
    assert promoted is not None
    assert promoted.digest == two.digest
    assert found.status().detail is None


def test_a_canary_is_withdrawn(azure: Rehearsal, endpoint: str) -> None:
    list(target(azure, endpoint, canary=50).apply(azure.bundle("two")))
    list(target(azure, endpoint, canary=0).apply(azure.bundle("two")))
    found = target(azure, endpoint)
    assert set(answers(found, 20)) == {"one"}
    assert found.status().detail is None


def test_a_canary_that_is_rejected_on_the_endpoint_goes(azure: Rehearsal, endpoint: str) -> None:
    def judge(candidate: Candidate) -> None:
        if candidate.serving:
            raise Rejected("wrong, with real traffic", code="TOC-JUDGE-001")

    with pytest.raises(Rejected):
        list(target(azure, endpoint, canary=50).apply(azure.bundle("two"), judge=judge))
    assert set(answers(target(azure, endpoint), 20)) == {"one"}


def test_without_a_canary_the_new_version_takes_over(azure: Rehearsal, endpoint: str) -> None:
    list(target(azure, endpoint).apply(azure.bundle("two")))
    found = target(azure, endpoint)
    assert set(answers(found, 20)) == {"two"}
    list(target(azure, endpoint).apply(azure.bundle("three")))
    assert set(answers(found, 20)) == {"three"}


def test_a_plain_service_takes_no_canary(azure: Rehearsal) -> None:
    name = new_name("plain")
    with pytest.raises(TargetError) as raised:
        list(azure.aks(name, canary=10).apply(azure.bundle("one")))
    assert raised.value.code == "TOC-AKS-004"
    assert name not in azure.services()


def test_nothing_to_share_with(azure: Rehearsal) -> None:
    with pytest.raises(TargetError) as raised:
        list(target(azure, new_name("first"), canary=10).apply(azure.bundle("one")))
    assert raised.value.code == "TOC-AKS-005"
