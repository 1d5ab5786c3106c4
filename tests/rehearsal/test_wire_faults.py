"""Faults at the wire: what a client sees, and what the service did meanwhile."""

from __future__ import annotations

import httpx
import pytest
from support.rehearsal_clients import Signed, plain


def asset(signed: Signed) -> str:
    body = {"name": "weights", "artifacts": [{"prefix": "LocalUpload/faults/model"}]}
    found: str = signed.ask("POST", f"{signed.management}/assets", body).json()["id"]
    return found


def models(signed: Signed) -> list[str]:
    found = signed.ask("GET", f"{signed.management}/models?name=faulty").json()["value"]
    return [item["id"] for item in found]


@pytest.mark.parametrize("status", ["408", "429", "500", "502", "503", "504"])
def test_an_asked_for_status_is_answered_once(signed: Signed, status: str) -> None:
    signed.running.ask("POST", "faults", {"faults": [f"models.get:{status}"]})
    answer = signed.ask("GET", f"{signed.management}/models")
    assert answer.status_code == int(status)
    assert answer.json()["statusCode"] == int(status)
    assert signed.ask("GET", f"{signed.management}/models").status_code == 200


def test_a_cut_request_was_not_done_and_a_lost_answer_was(signed: Signed) -> None:
    signed.upload("faults", {"model/weights.bin": b"1"})
    body = {"name": "faulty", "url": f"aml://asset/{asset(signed)}"}
    before = len(models(signed))
    for kind, done in (("cut", 0), ("lost", 1)):
        signed.running.ask("POST", "faults", {"faults": [f"models.create:{kind}"]})
        with pytest.raises(httpx.TransportError):
            signed.ask("POST", f"{signed.management}/models", body)
        assert len(models(signed)) == before + done


def test_half_an_upload_leaves_nothing(signed: Signed) -> None:
    place = f"/artifact/v2.0{signed.scope}/artifacts/batch/metadata/LocalUpload/half"
    found = signed.ask("POST", place, {"paths": [{"path": "model/a.bin"}]}).json()
    address = plain(found["artifactContentInformation"]["model/a.bin"]["contentUri"])
    signed.running.ask("POST", "faults", {"faults": ["upload.blob:half"]})
    with pytest.raises(httpx.TransportError):
        signed.client.put(address, content=b"x" * 500_000)
    assert signed.client.get(address).status_code == 404
    assert signed.client.put(address, content=b"x" * 500_000).status_code == 201
    assert len(signed.client.get(address).content) == 500_000


def test_an_expired_token_is_refused_as_such(signed: Signed) -> None:
    signed.ask("GET", f"{signed.management}/models")
    signed.running.ask("POST", "faults", {"faults": ["models.get:expired"]})
    answer = signed.ask("GET", f"{signed.management}/models")
    assert (answer.status_code, answer.json()["code"]) == (401, "ExpiredAuthenticationToken")


def test_a_fault_that_is_none_is_refused_at_the_door(signed: Signed) -> None:
    from toc_build.errors import TargetError

    with pytest.raises(TargetError, match="can go wrong"):
        signed.running.ask("POST", "faults", {"faults": ["models.get:nonsense"]})
