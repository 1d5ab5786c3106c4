"""JSON patches, as azureml-core sends them."""

from __future__ import annotations

from typing import Any

import pytest

from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.wire.v1.patches import apply_patch

BEFORE = {"kvTags": {"a": "1"}, "autoScaler": None, "versions": {"blue": {"numReplicas": 1}}}


def test_what_is_asked_for_is_done_to_a_copy() -> None:
    patch = [
        {"op": "replace", "path": "/kvTags", "value": {"b": "2"}},
        {"op": "replace", "path": "/autoScaler/minReplicas", "value": 2},
        {"op": "add", "path": "/properties/a~1b", "value": "x"},
        {"op": "remove", "path": "/versions/blue"},
    ]
    after = apply_patch(BEFORE, patch)
    assert after == {
        "kvTags": {"b": "2"},
        "autoScaler": {"minReplicas": 2},
        "properties": {"a/b": "x"},
        "versions": {},
    }
    assert BEFORE["versions"] == {"blue": {"numReplicas": 1}}


@pytest.mark.parametrize(
    "patch",
    [
        {"op": "replace"},
        [{"op": "move", "path": "/kvTags"}],
        [{"op": "replace", "path": "kvTags"}],
        [{"op": "remove", "path": "/versions/green"}],
        ["replace"],
        None,
    ],
)
def test_what_is_no_patch_is_refused(patch: Any) -> None:
    with pytest.raises(Refusal):
        apply_patch(BEFORE, patch)
