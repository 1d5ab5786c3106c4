"""`image`: the service runs in an image from a registry in place of one that Azure builds of the lock."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.azure_place import new_name, rehearsal, version

from toc_build.paths import CACHE_VARIABLE

pytestmark = pytest.mark.end_to_end


def test_services_in_an_image_of_one_s_own(
    engine_address: str,
    pushed_image: str,
    shared_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine_address)  # the server's own engine
    monkeypatch.setenv(CACHE_VARIABLE, str(shared_cache))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    with rehearsal(tmp_path / "azure") as azure:
        bundle = azure.bundle("one")
        for make in (azure.aks, azure.aci):
            name = new_name("image")
            found = make(name, image=pushed_image)
            list(found.apply(bundle))
            sent = azure.sent("service", name)["environmentImageRequest"]["environment"]
            assert sent["docker"]["baseImage"] == pushed_image
            assert sent["python"]["userManagedDependencies"] is True
            assert version(str(found.status().scoring_uri), found.headers()) == "one"
            assert found.plan(bundle).changes == ()
            lock = make(name)
            assert [(one.name, one.old, one.new) for one in lock.plan(bundle).changes] == [
                ("image", pushed_image, None)
            ]
            list(found.delete())
