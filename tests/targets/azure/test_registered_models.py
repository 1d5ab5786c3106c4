"""`model.registered`: a version that is there already is deployed, and none is registered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.azure_place import Rehearsal, new_name, version

from toc_build.errors import TargetError
from toc_build.targets.azure.look import look
from toc_build.targets.azure.target import AzureTarget

pytestmark = pytest.mark.end_to_end


def target(azure: Rehearsal, name: str, registered: str | None) -> AzureTarget:
    made = azure.aks(name, replicas=1, model=registered)
    return AzureTarget(replace(made._place, registered=registered), azure.client, look)


def test_a_registered_version(cheap: Rehearsal) -> None:
    name = new_name("registered")
    for content in ("first", "second"):
        list(target(cheap, name, None).apply(cheap.bundle(content, model=content)))
    known = cheap.models()
    first, second = sorted(known, key=lambda one: int(one.rpartition(":")[2]))[-2:]
    bundle = cheap.bundle("third", model="never uploaded")
    for registered in (first, second):
        found = target(cheap, name, registered)
        assert "model" in [one.name for one in found.plan(bundle).changes]
        list(found.apply(bundle))
        sent = cheap.sent("service", name)
        assert sent["environmentImageRequest"]["modelIds"] == [registered]
        assert version(str(found.status().scoring_uri), found.headers()) == "third"
        assert found.plan(bundle).changes == ()
    assert cheap.models() == known
    with pytest.raises(TargetError) as missing:
        list(target(cheap, name, "weights:999").apply(bundle))
    assert missing.value.code == "TOC-AZURE-022"
    assert version(str(found.status().scoring_uri), found.headers()) == "third"
    list(found.delete())
