"""From deploy.yml's section to the SDK's arguments, and what changes mean."""

from __future__ import annotations

from typing import Any

import pytest

from toc_build.repository.target_schema import AciTarget, AksTarget, AutoscaleConfig, SslConfig
from toc_build.targets.azure.aci import Aci
from toc_build.targets.azure.aks import Aks
from toc_build.targets.plan import Effect


def aks(**changes: Any) -> dict[str, Any]:
    return Aks.settings(AksTarget(compute_target_name="inference-ml", **changes))


def effect(found: Effect | tuple[Effect, str]) -> Effect:
    return found[0] if isinstance(found, tuple) else found


def test_autoscale_and_replicas_are_told_apart() -> None:
    fixed = Aks().configuration(aks(replicas=3), update=False, candidate=False)
    assert (fixed["autoscale_enabled"], fixed["num_replicas"]) == (False, 3)
    scaled = aks(autoscale=AutoscaleConfig(min_replicas=2, max_replicas=5, target_utilization=60))
    following = Aks().configuration(scaled, update=False, candidate=False)
    assert following["autoscale_enabled"] is True
    assert "num_replicas" not in following
    assert (following["autoscale_min_replicas"], following["autoscale_max_replicas"]) == (2, 5)
    assert Aks().needs(scaled).replicas == 5


@pytest.mark.parametrize(
    ("auth", "key", "token"), [("key", True, False), ("token", False, True), ("none", False, False)]
)
def test_authentication_is_always_said(auth: str, key: bool, token: bool) -> None:
    found = Aks().configuration(aks(auth=auth), update=False, candidate=False)
    assert (found["auth_enabled"], found["token_auth_enabled"]) == (key, token)


def test_a_candidate_is_one_replica() -> None:
    found = Aks().configuration(aks(replicas=5), update=False, candidate=True)
    assert found["num_replicas"] == 1


def test_a_candidate_takes_no_host_name() -> None:
    ssl = SslConfig(cname="litter.example.org", cert_pem_file="c.pem", key_pem_file="k.pem")
    settings = Aci.settings(AciTarget(ssl=ssl, dns_name_label="river-litter"))
    whole = Aci().configuration(settings, update=False, candidate=False)
    assert (whole["ssl_cname"], whole["dns_name_label"]) == ("litter.example.org", "river-litter")
    beside = Aci().configuration(settings, update=False, candidate=True)
    assert not {"ssl_cname", "dns_name_label"} & set(beside)


@pytest.mark.parametrize("name", ["cpu_cores", "memory_gb", "location", "dns_name_label"])
def test_what_aci_cannot_change_in_place(name: str) -> None:
    assert Aci().made_anew(frozenset({name}))
    assert name not in Aci().configuration(Aci.settings(AciTarget()), update=True, candidate=False)
    assert effect(Aci().effect(name, {})) is Effect.INTERRUPTS


def test_what_a_change_means_on_aks() -> None:
    assert effect(Aks().effect("bundle", aks(replicas=2))) is Effect.REPLACES
    assert effect(Aks().effect("bundle", aks(replicas=1))) is Effect.INTERRUPTS
    assert effect(Aks().effect("replicas", aks(replicas=1))) is Effect.IN_PLACE
    assert effect(Aks().effect("tags", aks(replicas=1))) is Effect.IN_PLACE
    assert effect(Aks().effect("compute_target_name", aks(replicas=2))) is Effect.INTERRUPTS


def test_the_sdk_s_names_for_versions() -> None:
    assert Aks().wire(aks()) == "AKS"
    assert Aks().wire(aks(versions=True)) == "AKSENDPOINT"
