"""Deployments that do not go as asked, each on a server of its own: deleted, restarted, failed."""

from __future__ import annotations

import io
import ssl
import sys
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.rehearsal_clients import Signed

from toc_build.rehearsal import process

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SCORE = "def init():\n    pass\n\n\ndef run(data):\n    return {colour!r}\n"


@pytest.fixture(autouse=True)
def cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the empty cache: the scoring environment of the run is used."""
    monkeypatch.setenv("TOC_BUILD_CACHE_DIR", str(shared_cache))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return shared_cache


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Signed]]:
    """Starts a server on this test's state; again: ends it and starts another."""
    servers: list[Any] = []

    def end() -> None:
        server = servers.pop()
        server.stdin.close()
        assert server.wait(30) == 0

    def begin(*faults: str) -> Signed:
        if servers:
            end()
        running, server = process.start(tmp_path / "state", faults, detached=False)
        servers.append(server)
        context = ssl.create_default_context(cafile=str(running.bundle))
        return Signed(running, httpx.Client(verify=context, trust_env=False, timeout=60.0))

    yield begin
    end()


def request(signed: Signed, colour: str, name: str = "a-service", **values: Any) -> dict[str, Any]:
    """A create request of a service that answers a colour; its code is uploaded."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        entry = tarfile.TarInfo("source/score.py")
        text = SCORE.format(colour=colour).encode()
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    signed.upload(colour, {"code.tar.gz": content.getvalue()})
    conda = {"dependencies": [f"python={PYTHON}", {"pip": ["azureml-inference-server-http>=1.5,<2"]}]}
    url = f"aml://artifact/LocalUpload/{colour}/code.tar.gz"
    asset = {"id": "code", "url": url, "mimeType": "application/octet-stream", "unpack": True}
    image = {
        "driverProgram": "source/score.py",
        "assets": [asset],
        "modelIds": [],
        "environment": {"name": "env", "python": {"condaDependencies": conda}},
    }
    return {"name": name, "computeType": "ACI", "environmentImageRequest": image, **values}


def create(signed: Signed, body: dict[str, Any]) -> str:
    """Asks for a service, and returns the operation's id."""
    answer = signed.ask("POST", f"{signed.management}/services", body)
    assert answer.status_code == 202, answer.text
    return answer.headers["Operation-Location"].rpartition("/")[2]


def operation(signed: Signed, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = signed.ask("GET", f"{signed.management}/operations/{identity}").json()
    return found


def service(signed: Signed, name: str = "a-service") -> dict[str, Any]:
    found: dict[str, Any] = signed.ask("GET", f"{signed.management}/services/{name}").json()
    return found


def score(signed: Signed, name: str = "a-service") -> str:
    answer = httpx.post(service(signed, name)["scoringUri"], content=b"x", trust_env=False)
    return str(answer.json()) if answer.status_code == 200 else f"status {answer.status_code}"


def settled(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_a_service_is_there_again_after_a_restart_with_its_address_and_keys(
    serve: Callable[..., Signed],
) -> None:
    signed = serve()
    body = request(signed, "blue", authEnabled=False)
    assert operation(signed, create(signed, body))["state"] == "Succeeded"
    before = service(signed)
    keys = signed.ask("POST", f"{signed.management}/services/a-service/listkeys").json()
    signed = serve()
    assert settled(lambda: service(signed)["state"] == "Healthy")
    assert service(signed)["scoringUri"] == before["scoringUri"]
    assert signed.ask("POST", f"{signed.management}/services/a-service/listkeys").json() == keys
    assert score(signed) == "blue"


def test_an_operation_that_never_ends_is_ended_by_deleting(serve: Callable[..., Signed]) -> None:
    signed = serve("deploy:never")
    identity = create(signed, request(signed, "blue"))
    place = f"{signed.management}/services/a-service"
    assert settled(lambda: service(signed)["state"] == "Transitioning")
    assert (
        signed.ask("PATCH", place, [{"op": "replace", "path": "/description", "value": "x"}]).status_code
        == 409
    )
    removed = signed.ask("DELETE", place)
    assert removed.status_code == 202
    last = removed.headers["Operation-Location"].rpartition("/")[2]
    assert operation(signed, last)["state"] == "Succeeded"
    assert operation(signed, identity)["state"] == "Cancelled"
    assert signed.ask("GET", place).status_code == 404
    assert operation(signed, create(signed, request(signed, "green")))["state"] == "Succeeded"
    assert score(signed) == "green"


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ("build:fail", "EnvironmentBuildFailed", "image build failed"),
        ("build:quota", "QuotaExceeded", "quota"),
        ("deploy:quota", "QuotaExceeded", "quota"),
        ("init:raise", "AciDeploymentFailed", "init()"),
    ],
)
def test_a_fault_of_a_deployment_is_told_and_the_next_one_succeeds(
    serve: Callable[..., Signed], fault: str, code: str, told: str
) -> None:
    signed = serve(fault)
    found = operation(signed, create(signed, request(signed, "blue")))
    assert (found["state"], found["error"]["code"]) == ("Failed", code)
    assert told in found["error"]["message"]
    assert (service(signed)["state"], service(signed)["scoringUri"]) == ("Failed", None)
    again = create(signed, request(signed, "green", overwrite=True))
    assert operation(signed, again)["state"] == "Succeeded"
    assert score(signed) == "green"


def test_a_cluster_keeps_the_old_scorer_where_a_container_group_loses_it(
    serve: Callable[..., Signed],
) -> None:
    signed = serve()
    aks = {"computeType": "AKS", "computeName": "inference-ml", "authEnabled": False}
    for name, values in (("on-aks", aks), ("on-aci", {})):
        operation(signed, create(signed, request(signed, "blue", name, **values)))
        signed.running.ask("POST", "faults", {"faults": ["init:raise"]})
        image = request(signed, "green")["environmentImageRequest"]
        patch = [{"op": "replace", "path": "/environmentImageRequest", "value": image}]
        answer = signed.ask("PATCH", f"{signed.management}/services/{name}", patch)
        identity = answer.headers["Operation-Location"].rpartition("/")[2]
        assert operation(signed, identity)["state"] == "Failed"
        log = signed.ask("GET", f"{signed.management}/services/{name}/logs?tail=100").json()["content"]
        assert "RuntimeError: a fault was asked for: init() raises" in log
    assert score(signed, "on-aks") == "blue"
    assert service(signed, "on-aci")["scoringUri"] is None


def test_a_cluster_changes_over_without_a_lost_request(serve: Callable[..., Signed]) -> None:
    signed = serve()
    values = {"computeType": "AKS", "computeName": "inference-ml", "numReplicas": 2, "authEnabled": False}
    body = request(signed, "blue", **values, maxQueueWaitMs=20_000)
    operation(signed, create(signed, body))
    uri, answers, done = service(signed)["scoringUri"], Counter[str](), threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=30.0) as client:
            while not done.is_set():
                answer = client.post(uri, content=b"x")
                answers[answer.json() if answer.status_code == 200 else str(answer.status_code)] += 1

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    image = request(signed, "green")["environmentImageRequest"]
    patch = [{"op": "replace", "path": "/environmentImageRequest", "value": image}]
    answer = signed.ask("PATCH", f"{signed.management}/services/a-service", patch)
    identity = answer.headers["Operation-Location"].rpartition("/")[2]
    assert operation(signed, identity)["state"] == "Succeeded"
    settled(lambda: answers["green"] > 10)
    done.set()
    for client in clients:
        client.join()
    assert set(answers) == {"blue", "green"}


def test_a_secret_is_in_no_answer_and_in_no_log(serve: Callable[..., Signed]) -> None:
    signed = serve()
    secrets = [f"planted-{number}-secret-0123456789abcdef" for number in range(4)]
    body = request(signed, "blue", keys={"primaryKey": secrets[0], "secondaryKey": secrets[1]})
    body |= {"authEnabled": True, "sslKey": secrets[2]}
    registry = {"address": "registry.company", "username": "me", "password": secrets[3]}
    environment = body["environmentImageRequest"]["environment"]
    environment["docker"] = {"baseImage": "base:1", "baseImageRegistry": registry}
    last = operation(signed, create(signed, body))
    assert last["state"] == "Succeeded"
    place = f"/environment/v1.0{signed.scope}/environments/secret-env"
    shown = [str(last), str(service(signed)), signed.ask("GET", f"{signed.management}/services").text]
    shown += [signed.ask("PUT", place, environment).text, signed.ask("GET", place).text]
    shown.append(signed.ask("GET", f"{signed.management}/services/a-service/logs").text)
    shown.append(signed.client.get(last["operationLog"]).text)
    uri = service(signed)["scoringUri"]
    assert httpx.post(uri, content=b"x", headers={"Authorization": f"Bearer {secrets[0]}"}).status_code == 200
    assert httpx.post(uri, content=b"x", headers={"Authorization": f"Bearer {secrets[2]}"}).status_code == 401
    folder = signed.running.folder
    shown += [(folder / name).read_text() for name in (process.LOG, process.OUTPUT)]
    for text in shown:
        assert not any(secret in text for secret in secrets)
        assert signed.running.values["client_secret"] not in text
        assert signed.token not in text
