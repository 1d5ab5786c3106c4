"""The models by themselves, as a program that builds a config in code meets them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from toc_build.repository import AksTarget, AutoscaleConfig, ScoringConfig, TargetsConfig


def test_frozen() -> None:
    scoring = ScoringConfig()
    with pytest.raises(ValidationError):
        scoring.threads = 8


def test_replicas() -> None:
    cluster = {"cluster": "inference-ml"}
    assert AksTarget.model_validate(cluster).fixed_replicas == 1
    assert AksTarget.model_validate({**cluster, "replicas": 3}).fixed_replicas == 3
    assert AksTarget.model_validate({**cluster, "autoscale": {}}).fixed_replicas is None
    assert AksTarget.model_validate({**cluster, "autoscale": {}}).autoscale == AutoscaleConfig()


def test_whole_number_where_a_fraction_may_stand() -> None:
    assert ScoringConfig.model_validate({"max_request_mb": 5}).max_request_mb == 5


@pytest.mark.parametrize("value", [True, "4", 4.0])
def test_nothing_is_converted_silently(value: object) -> None:
    with pytest.raises(ValidationError):
        ScoringConfig.model_validate({"threads": value})


def test_several_rules_of_one_section_are_told_together() -> None:
    with pytest.raises(ValidationError) as raised:
        AksTarget.model_validate(
            {"cluster": "c1", "replicas": 1, "autoscale": {}, "cpu_cores_limit": 0.1, "memory_gb_limit": 0.1}
        )
    violations = raised.value.errors()[0]["ctx"]["violations"]
    assert [violation.path for violation in violations] == [
        ("replicas",),
        ("cpu_cores_limit",),
        ("memory_gb_limit",),
    ]


def test_named_target_is_wanted() -> None:
    targets = TargetsConfig.model_validate({"aci": None})
    assert targets.aci
    assert targets.aci.cpu_cores == 1
    assert targets.aks is None
