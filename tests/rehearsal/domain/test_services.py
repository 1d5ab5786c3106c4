"""Services: names, keys, quotas, traffic."""

from __future__ import annotations

from typing import Any

import pytest

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.records import EnvironmentDefinition, Scorer, Service, Version
from toc_build.rehearsal.domain.refusals import Refusal


def made(cloud: Cloud, name: str, kind: str = "ACI", **values: Any) -> Service:
    service = cloud.services.new(name, kind, "key", primary=None, secondary=None)
    scorer = Scorer([], "score.py", [], EnvironmentDefinition(), **values)
    service.versions[name] = Version(name, scorer, "", state="Healthy")
    return service


def test_a_name_is_taken_once(cloud: Cloud) -> None:
    cloud.services.check_name("river-aci")
    cloud.services.save(made(cloud, "river-aci"))
    with pytest.raises(Refusal, match="already exists") as refusal:
        cloud.services.check_name("river-aci")
    assert refusal.value.status == 409
    assert cloud.services.delete("river-aci")
    cloud.services.check_name("river-aci")


def test_keys_are_new_each_time_and_can_be_chosen(cloud: Cloud) -> None:
    service = made(cloud, "river-aci")
    assert service.primary_key != service.secondary_key
    assert len(service.primary_key) == 32
    cloud.services.save(service)
    cloud.services.regenerate("river-aci", "Primary", None)
    cloud.services.regenerate("river-aci", "Secondary", "my own choice")
    again = cloud.services.get("river-aci")
    assert again.primary_key != service.primary_key
    assert again.secondary_key == "my own choice"
    with pytest.raises(Refusal, match="Primary and Secondary"):
        cloud.services.regenerate("river-aci", "Third", None)


def test_container_groups_have_limits_and_a_quota(cloud: Cloud) -> None:
    service = made(cloud, "too-big", cpu=4.5)
    with pytest.raises(Refusal, match="up to 4 cores"):
        cloud.services.check_scorer(service, service.versions["too-big"].scorer, autoscale=False)
    for name in ("one-aci", "two-aci"):
        cloud.services.save(made(cloud, name, cpu=4.0))
    third = made(cloud, "three-aci", cpu=3.0)
    with pytest.raises(Refusal, match="8 are in use, 3 are asked for") as refusal:
        cloud.services.check_scorer(third, third.versions["three-aci"].scorer, autoscale=False)
    assert refusal.value.code == "QuotaExceeded"
    second = cloud.services.get("two-aci")  # its own cores do not count against it
    cloud.services.check_scorer(second, second.versions["two-aci"].scorer, autoscale=False)


def test_a_cluster_must_be_named_and_there(cloud: Cloud) -> None:
    service = made(cloud, "river-aks", "AKS")
    scorer = service.versions["river-aks"].scorer
    with pytest.raises(Refusal, match="name of a compute target"):
        cloud.services.check_scorer(service, scorer, autoscale=False)
    service.cluster = "lost-ml"
    with pytest.raises(Refusal, match="inference-ml"):
        cloud.services.check_scorer(service, scorer, autoscale=False)
    service.cluster = "inference-ml"
    cloud.services.check_scorer(service, scorer, autoscale=True)


@pytest.mark.parametrize(
    ("shares", "good"), [((70, 30), True), ((0, 0), True), ((100, 30), False), ((-1, 5), False)]
)
def test_traffic_is_a_hundred_at_most(cloud: Cloud, shares: tuple[int, int], good: bool) -> None:
    service = made(cloud, "blue", "AKSENDPOINT")
    service.versions["green"] = made(cloud, "green").versions["green"]
    service.versions["blue"].traffic, service.versions["green"].traffic = shares
    if good:
        cloud.services.check_traffic(service)
        return
    with pytest.raises(Refusal, match="at most 100 in all"):
        cloud.services.check_traffic(service)


def test_a_service_is_as_well_as_its_worst_version(cloud: Cloud) -> None:
    service = made(cloud, "blue", "AKSENDPOINT")
    service.versions["green"] = made(cloud, "green").versions["green"]
    assert service.state == "Healthy"
    service.versions["green"].state = "Failed"
    service.versions["green"].error = {"code": "Why"}
    assert (service.state, service.error) == ("Failed", {"code": "Why"})
    assert Service.from_json(service.to_json()) == service
