"""What the public specification requires of a create request."""

from __future__ import annotations

from typing import Any

import pytest

from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.wire.v1.specification import check_create

IMAGE = {"driverProgram": "main.py", "assets": [{"id": "a", "url": "aml://artifact/x", "mimeType": "m"}]}
GOOD = {"name": "a-service", "computeType": "AKS", "environmentImageRequest": IMAGE}


def test_a_good_request_passes_and_unknown_fields_do() -> None:
    check_create({**GOOD, "numReplicas": 2, "authEnabled": None, "storageInitEnabled": True})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": ""}, "name"),
        ({"computeType": None}, "computeType"),
        ({"numReplicas": "2"}, "numReplicas"),
        ({"numReplicas": True}, "numReplicas"),
        ({"containerResourceRequirements": {"cpu": "1"}}, "containerResourceRequirements.cpu"),
        ({"autoScaler": {"targetUtilization": 0.7}}, "autoScaler.targetUtilization"),
        ({"environmentImageRequest": {"driverProgram": "main.py"}}, "environmentImageRequest.assets"),
        ({"environmentImageRequest": {**IMAGE, "assets": [{"id": "a"}]}}, r"assets\[0\]"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(Refusal, match=told):
        check_create({**GOOD, **change})


@pytest.mark.parametrize("body", [None, [], "text"])
def test_what_is_no_request(body: Any) -> None:
    with pytest.raises(Refusal):
        check_create(body)
