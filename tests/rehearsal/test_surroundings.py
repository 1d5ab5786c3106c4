"""The environment of a rehearsed command."""

from __future__ import annotations

import json
from pathlib import Path

from toc_build.rehearsal.process import Running
from toc_build.rehearsal.surroundings import DISCOVERY, forget, rehearsed


def running(folder: Path) -> Running:
    names = ("tenant", "client", "client_secret", "subscription", "resource_group", "workspace")
    values = {name: f"the {name}" for name in names}
    return Running(folder, 1, "https://localhost:1", "http://127.0.0.1:2", folder / "bundle.pem", values)


def test_nothing_leads_to_another_account_and_caches_stay(tmp_path: Path) -> None:
    before = {
        "HOME": "/home/me",
        "UV_CACHE_DIR": "/cache/uv",
        "TOC_BUILD_CACHE_DIR": "/cache/toc",
        "AZURE_CLIENT_SECRET": "real",
        "AZUREML_SERVICE_PRINCIPAL_PASSWORD": "real",
        "AZUREML_ARM_WORKSPACE_NAME": "real",
        "MSI_ENDPOINT": "http://real",
        "HTTPS_PROXY": "http://company:8080",
        "NO_PROXY": "*, index.company, .azure.com",
    }
    after = rehearsed(before, running(tmp_path))
    assert "real" not in " ".join(after.values())
    assert {name: after[name] for name in ("HOME", "UV_CACHE_DIR", "TOC_BUILD_CACHE_DIR")} == {
        "HOME": "/home/me",
        "UV_CACHE_DIR": "/cache/uv",
        "TOC_BUILD_CACHE_DIR": "/cache/toc",
    }
    assert after["AZUREML_SERVICE_PRINCIPAL_PASSWORD"] == "the client_secret"
    assert after["AZUREML_WORKSPACE"] == "the workspace"
    assert after["HTTPS_PROXY"] == after["https_proxy"] == "http://127.0.0.1:2"
    assert after["NO_PROXY"] == "localhost,127.0.0.1,::1,index.company"
    assert after["REQUESTS_CA_BUNDLE"] == after["SSL_CERT_FILE"] == str(tmp_path / "bundle.pem")


def test_the_sdk_s_memory_is_tidied_and_the_user_s_own_part_stays(tmp_path: Path) -> None:
    path = tmp_path / DISCOVERY
    path.parent.mkdir()
    ours = "/subscriptions/the subscription/x/the workspace/id|https://localhost:1/discovery/ab"
    path.write_text(json.dumps({"/subscriptions/mine|https://real": {}, ours: {}}))
    forget(tmp_path, running(tmp_path))
    assert json.loads(path.read_text()) == {"/subscriptions/mine|https://real": {}}
    path.write_text(json.dumps({ours: {}}))
    forget(tmp_path, running(tmp_path))
    assert not path.exists()
    path.write_text("torn")
    forget(tmp_path, running(tmp_path))
    assert path.read_text() == "torn"
