"""Environments: versions of definitions."""

from __future__ import annotations

import pytest

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.refusals import Refusal


def test_a_change_makes_a_version_and_no_change_none(cloud: Cloud) -> None:
    register = cloud.environments.register
    assert register("env", {"python": {"a": 1}})["version"] == "1"
    assert register("env", {"python": {"a": 1}, "Name": "env", "version": None})["version"] == "1"
    for number in range(2, 12):
        assert register("env", {"python": {"a": number}})["version"] == str(number)
    assert cloud.environments.get("env")["definition"] == {"python": {"a": 11}}
    assert cloud.environments.get("env", "2")["definition"] == {"python": {"a": 2}}
    assert [item["version"] for item in cloud.environments.list()] == ["11"]
    with pytest.raises(Refusal, match="no environment env 12"):
        cloud.environments.get("env", "12")
    with pytest.raises(Refusal, match="reserved"):
        register("AzureML-sklearn", {})
