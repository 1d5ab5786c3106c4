"""A workspace: what is in a new one, and that it stays."""

from __future__ import annotations

from pathlib import Path

from toc_build.rehearsal.domain.cloud import Cloud


def test_a_new_workspace_has_clusters_of_each_purpose(cloud: Cloud) -> None:
    found = {item.name: (item.production, item.vm_size, item.nodes) for item in cloud.computes.list()}
    assert found["inference-ml"] == (True, "Standard_D4_v3", 3)
    assert found["dev-ml"][0] is False
    assert found["gpu-ml"][1].startswith("Standard_NC")
    assert found["small-ml"] == (True, "Standard_D4_v3", 2)


def test_it_is_the_same_after_a_restart_and_nobody_else_s_business(tmp_path: Path) -> None:
    first = Cloud(tmp_path / "state")
    identity = first.identity
    first.computes.delete("dev-ml")
    first.store.close()
    again = Cloud(tmp_path / "state")
    assert again.identity == identity
    assert "dev-ml" not in {item.name for item in again.computes.list()}
    again.store.close()
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    other = Cloud(tmp_path / "other")
    assert other.identity.workspace_id != identity.workspace_id
    other.store.close()
