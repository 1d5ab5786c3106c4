"""How requests are dealt out to the versions of an endpoint."""

from __future__ import annotations

from collections import Counter

import pytest

from toc_build.rehearsal.balancer import Shares
from toc_build.rehearsal.domain.records import EnvironmentDefinition, Scorer, Service, Version


def endpoint(**traffic: int) -> Service:
    service = Service("river", "AKSENDPOINT", "", "", "key", "a", "b")
    for name, share in traffic.items():
        scorer = Scorer([], "score.py", [], EnvironmentDefinition())
        service.versions[name] = Version(name, scorer, "", traffic=share, default=name == "blue")
    return service


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        ({"blue": 70, "green": 30}, {"blue": 70, "green": 30}),
        ({"blue": 0, "green": 10}, {"blue": 90, "green": 10}),  # what is left goes to the default
        ({"blue": 0, "green": 100}, {"green": 100}),
        ({"blue": 0, "green": 0}, {"blue": 100}),
        ({"blue": 1, "green": 99}, {"blue": 1, "green": 99}),
    ],
)
def test_shares_are_exact_over_a_hundred_requests(traffic: dict[str, int], expected: dict[str, int]) -> None:
    service, shares = endpoint(**traffic), Shares()
    for _ in range(3):
        chosen = Counter(shares.choose(service, list(service.versions.values())).name for _ in range(100))
        assert dict(chosen) == expected


def test_a_version_without_replicas_gets_nothing() -> None:
    service, shares = endpoint(blue=70, green=30), Shares()
    able = [service.versions["green"]]
    assert {shares.choose(service, able).name for _ in range(20)} == {"green"}
