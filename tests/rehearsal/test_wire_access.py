"""Who may ask what, at the wire."""

from __future__ import annotations

import httpx
import pytest
from support.rehearsal_clients import Signed, plain

from toc_build.rehearsal.process import KEY_HEADER, PATH


def test_only_the_service_principal_gets_a_token(signed: Signed) -> None:
    assert signed.sign_in().status_code == 200
    refused = signed.sign_in(secret="another secret")
    assert refused.status_code == 401
    assert "AADSTS7000215" in refused.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/subscriptions"),
        ("GET", "{scope}"),
        ("GET", "/modelmanagement/v1.0{scope}/models"),
        ("POST", "/modelmanagement/v1.0{scope}/services"),
        ("POST", "/modelmanagement/v1.0{scope}/services/any/listkeys"),
        ("GET", "/environment/v1.0{scope}/environments/"),
        ("GET", "/rp/workspaces{scope}/computes"),
        ("DELETE", "{scope}/computes/inference-ml"),
        ("POST", "/artifact/v2.0{scope}/artifacts/batch/metadata/LocalUpload/x"),
    ],
)
@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Basic YTpi"])
def test_nothing_is_done_for_who_has_not_signed_in(
    signed: Signed, method: str, path: str, authorization: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    address = f"{signed.running.base}{path.format(scope=signed.scope)}"
    assert signed.client.request(method, address, headers=headers).status_code == 401


def test_another_workspace_is_not_found(signed: Signed) -> None:
    scope = signed.scope.replace(signed.running.values["workspace"], "another-ml")
    answer = signed.ask("GET", f"/modelmanagement/v1.0{scope}/models")
    assert answer.status_code == 404
    assert signed.running.values["workspace"] in answer.text


def test_a_signature_is_for_one_blob_and_one_purpose(signed: Signed) -> None:
    addresses = signed.upload("signed", {"a.bin": b"1", "b.bin": b"2"})
    query = plain(addresses["a.bin"]).partition("?")[2]
    other = plain(addresses["b.bin"]).partition("?")[0]
    assert signed.client.get(f"{other}?{query}").status_code == 403
    assert signed.client.get(other).status_code == 403
    place = f"/artifact/v2.0{signed.scope}/artifacts/contentinfo/LocalUpload/signed/a.bin"
    readable = plain(signed.ask("GET", place).json()["contentUri"])
    assert signed.client.get(readable).content == b"1"
    assert signed.client.put(readable, content=b"3").status_code == 403
    assert signed.client.get(readable, headers={"Range": "bytes=0-0"}).status_code == 206


def test_the_door_is_locked(signed: Signed) -> None:
    address = f"{signed.running.base}{PATH}"
    assert signed.client.post(f"{address}/stop").status_code == 403
    assert signed.client.post(f"{address}/stop", headers={KEY_HEADER: "guess"}).status_code == 403
    assert signed.running.ask("GET", "status")["clusters"][0]["name"] == "dev-ml"


def test_a_client_that_does_not_trust_the_authority_does_not_speak(signed: Signed) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{signed.running.base}/subscriptions", trust_env=False)


def test_what_is_not_as_specified_is_refused(signed: Signed) -> None:
    answer = signed.ask("POST", f"{signed.management}/services", {"name": "a-service", "computeType": "ACI"})
    assert answer.status_code == 400
    assert "environmentImageRequest" in answer.json()["message"]
    body = {"name": "a-service", "computeType": "ACI", "authEnabled": "yes", "environmentImageRequest": {}}
    answer = signed.ask("POST", f"{signed.management}/services", body)
    assert "authEnabled" in answer.json()["message"]
    assert "driverProgram" in answer.json()["message"]


def test_secrets_are_in_no_answer_about_a_service_and_in_no_log(signed: Signed) -> None:
    log = (signed.running.folder / "requests.jsonl").read_text()
    values = signed.running.values
    for secret in (values["client_secret"], values["control"], signed.token or "none"):
        assert secret not in log
    assert "sig=" not in log
