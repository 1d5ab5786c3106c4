"""A fresh bake, deployed to aci and aks on rehearsed Azure by the command that deploys to the real one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.shell import Run

pytestmark = pytest.mark.end_to_end

TOC = f"{sys.executable} -m toc_build"
SCRIPT = f"""
set -e
{sys.executable} -m nox -s test deploy_aci deploy_aks
for target in aci aks; do
    {TOC} score --target $target samples/three-blobs.jpg > $target.json
    {TOC} status --target $target --json > $target-status.json
    test -n "$({TOC} logs --target $target --tail 1)"
    {TOC} plan --target $target
done
{TOC} history > history.txt
for target in aci aks; do {TOC} delete --target $target; done
"""


def test_a_fresh_bake(baked: Callable[..., Path], shell: Run) -> None:
    repository = baked(framework="custom")
    (repository / "deploy.sh").write_text(SCRIPT)
    shell(repository, "toc_build", "rehearse", "--", "sh", "deploy.sh")
    for target in ("aci", "aks"):
        found = json.loads((repository / f"{target}.json").read_text())
        assert len(found) == 3
        status = json.loads((repository / f"{target}-status.json").read_text())
        assert status["state"] == "ready"
    assert (repository / "history.txt").read_text().count("succeeded") == 2
