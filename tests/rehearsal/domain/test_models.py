"""Models: versions of uploaded content."""

from __future__ import annotations

import pytest
from support.rehearsal_clients import PREFIX, put_blob

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.domain.refusals import Refusal


def test_versions_are_counted_for_each_name_and_never_again(cloud: Cloud) -> None:
    put_blob(cloud, f"{PREFIX}/model/a.bin", b"1")
    content = [f"{PREFIX}/model"]
    ids = [cloud.models.register(name, content, "asset").id for name in ("a", "a", "b")]
    assert ids == ["a:1", "a:2", "b:1"]
    assert cloud.models.delete("a:2")
    assert cloud.models.register("a", content, "asset").id == "a:3"
    assert [model.id for model in cloud.models.list("a")] == ["a:3", "a:1"]
    assert {model.id for model in cloud.models.list(latest=True)} == {"a:3", "b:1"}


def test_a_model_needs_content_and_a_name(cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="Nothing was uploaded"):
        cloud.models.register("a", [f"{PREFIX}/model"], "asset")
    put_blob(cloud, f"{PREFIX}/model/a.bin", b"1")
    with pytest.raises(Refusal, match="invalid"):
        cloud.models.register("not a name", [f"{PREFIX}/model"], "asset")
    with pytest.raises(Refusal, match="not found in provided workspace"):
        cloud.models.get("a:1")
    with pytest.raises(Refusal, match="no asset"):
        cloud.models.asset("nothing")
