"""A plain azureml-core script runs under the rehearsal: the genuine SDK does all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toc_build.rehearsal.process import Running
from toc_build.rehearsal.surroundings import rehearsed

SCRIPT = Path(__file__).parents[1] / "support" / "rehearsal_script.py"


def section(running: Running, folder: Path, name: str) -> dict[str, Any]:
    """Runs a section of the script, and returns what it found."""
    environment = {**rehearsed(os.environ, running), "HOME": str(folder), "LARGE_MB": "100"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the SDK loads in 5 s without bytecode
    done = subprocess.run(
        [sys.executable, str(SCRIPT), name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SECTION ")]
    found: dict[str, Any] = json.loads(line.removeprefix("SECTION "))
    return found


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
