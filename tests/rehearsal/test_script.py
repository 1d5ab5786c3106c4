"""A plain azureml-core script runs under the rehearsal: the genuine SDK does all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.rehearsal_sections import section

from toc_build.rehearsal.process import Running


@pytest.mark.parametrize("name", ["workspace", "models", "environments", "computes"])
def test_everything_around_a_service(running: Running, tmp_path: Path, name: str) -> None:
    section(running, tmp_path, name)


def test_container_groups(running: Running, tmp_path: Path) -> None:
    section(running, tmp_path, "aci")


def test_failed_deployments_say_why(running: Running, tmp_path: Path) -> None:
    found = section(running, tmp_path, "failing")
    assert found["aci-broken"] == "AciDeploymentFailed"
    assert found["aks-broken"] == "KubernetesDeploymentFailed"


def test_clusters(running: Running, tmp_path: Path) -> None:
    assert section(running, tmp_path, "aks")["replicas_that_answered"] == 2


def test_endpoints_share_traffic_out(running: Running, tmp_path: Path) -> None:
    found = section(running, tmp_path, "endpoint")
    assert found["traffic"] == {"blue": 140, "green": 60}
    assert found["promoted"] == {"green": 10}


def test_packages(running: Running, tmp_path: Path) -> None:
    section(running, tmp_path, "package")
