"""What a service's description says of its version."""

from __future__ import annotations

from typing import Any

import pytest

from toc_build.repository.target_schema import AciTarget, AksTarget
from toc_build.targets.azure.aci import Aci
from toc_build.targets.azure.aks import Aks
from toc_build.targets.azure.payload import properties_of, read_live, tags_of
from toc_build.targets.protocol import State

DIGEST = "sha256:" + "a" * 64
RECORD = {"deployment": "7", "who": "somebody"}


def payload(**changes: Any) -> dict[str, Any]:
    settings = Aks.settings(AksTarget(compute_target_name="inference-ml", replicas=2))
    tags = tags_of(
        DIGEST, settings, RECORD, judged=True, made_by="me@here", since="2026-11-25T12:00:00+00:00"
    )
    return {
        "name": "litter",
        "computeType": "AKS",
        "kvTags": tags,
        "state": "Healthy",
        "scoringUri": "http://there/score",
        "updatedTime": "2026-11-25T12:00:00Z",
        "numReplicas": 2,
        "computeName": "inference-ml",
        "authEnabled": True,
        "containerResourceRequirements": {"cpu": 1.0, "memoryInGB": 2.0},
    } | changes


def test_the_version_that_was_put_there() -> None:
    live = read_live(payload(), Aks())
    assert live is not None
    assert live.version is not None
    assert (live.version.digest, live.version.record, live.judged) == (DIGEST, RECORD, True)
    assert live.version.settings == Aks.settings(AksTarget(compute_target_name="inference-ml", replicas=2))
    assert live.status().state is State.READY


def test_a_change_by_hand_shows() -> None:
    live = read_live(payload(numReplicas=5, authEnabled=False), Aks())
    assert live is not None
    assert live.version is not None
    assert (live.version.settings["replicas"], live.version.settings["auth"]) == (5, "none")


def test_a_service_that_toc_build_did_not_make() -> None:
    live = read_live(payload(kvTags={"team": "ocean"}), Aks())
    assert live is not None
    assert live.version is None


def test_no_service() -> None:
    assert read_live(None, Aks()) is None


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Healthy", State.READY),
        ("Updating", State.STARTING),
        ("Failed", State.FAILED),
        ("New", State.STARTING),
    ],
)
def test_states(state: str, expected: State) -> None:
    live = read_live(payload(state=state, error={"message": "why"}), Aks())
    assert live is not None
    assert live.status().state is expected
    assert (live.status().detail is None) == (expected is State.READY)


def test_what_answers_without_a_judgement_says_so() -> None:
    found = payload()
    found["kvTags"]["toc-judged"] = "no"
    live = read_live(found, Aks())
    assert live is not None
    assert "not judged" in str(live.status().detail)


def test_own_tags_stay_and_each_deployment_has_a_property_of_its_own() -> None:
    settings = Aci.settings(AciTarget(tags={"team": "ocean"}))
    tags = tags_of(DIGEST, settings, RECORD, judged=False, made_by="me", since="2026-11-25T12:00:00+00:00")
    assert tags["team"] == "ocean"
    names = {
        name
        for since in ("2026-11-25T12:00:00+00:00", "2026-11-25T12:00:01+00:00")
        for name in properties_of(DIGEST, RECORD, made_by="me", since=since)
    }
    assert len(names) == 2
    assert not any("/" in name for name in names)  # it is a part of a path in Azure's patches
