"""This side of the worker: answers, events, deadlines, a death, an end."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from toc_build.errors import TargetError
from toc_build.targets.azure.v1 import client as module
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.azure.workspace import WorkspaceName

WORKER = """
import json, os, sys, time
requests = os.fdopen(int(os.environ["TOC_WORKER_REQUESTS_FD"]))
answers = os.fdopen(int(os.environ["TOC_WORKER_ANSWERS_FD"]), "w")
def say(**value):
    answers.write(json.dumps(value) + "\\n"); answers.flush()
for line in requests:
    call = json.loads(line)["call"]
    print("noise of the SDK, sig=s3cr3t", flush=True)
    if call == "connect":
        say(result={"used": "a test", "skipped": [["Azure CLI", "not there"]], "location": "here"})
    elif call == "die":
        os._exit(3)
    elif call == "hang":
        time.sleep(60)
    elif call == "fail":
        say(error={"kind": "forbidden", "message": "no: https://x?sig=s3cr3t", "status": 403})
    else:
        say(event="log", text="one"); say(event="log", text="two"); say(result=7)
"""


def workers() -> list[psutil.Process]:
    """The workers that run; children of other tests may have ended without being waited for."""
    running = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in running if "noise of the SDK" in " ".join(one.cmdline())]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(module, "_START", WORKER)
    return Client(WorkspaceName("s", "g", "w"), lambda: Path(sys.executable), interactive=False)


def test_events_come_before_the_result(client: Client) -> None:
    with client:
        stream = client.stream("anything")
        assert [told.text for told in stream] == ["one", "two"]
        assert client.call("anything") == 7
        assert str(client.signed_in) == "signed in to Azure by a test (Azure CLI: not there)"


def test_a_failure_has_our_meaning_and_azure_s_words(client: Client) -> None:
    with client, pytest.raises(TargetError) as raised:
        client.call("fail")
    assert raised.value.code == "TOC-AZURE-005"
    assert raised.value.problems[0].details == "no: https://x?sig=***"
    assert client.signed_in is not None


def test_a_worker_that_dies_is_told_with_its_last_lines_and_started_again(client: Client) -> None:
    with client:
        with pytest.raises(TargetError) as raised:
            client.call("die")
        assert raised.value.code == "TOC-AZURE-011"
        assert "noise of the SDK" in str(raised.value.problems[0].details)
        assert "s3cr3t" not in str(raised.value)
        assert client.call("anything") == 7


def test_a_deadline(client: Client) -> None:
    with client, pytest.raises(TargetError) as raised:
        client.call("hang", seconds=0.3)
    assert raised.value.code == "TOC-AZURE-010"
    assert not workers()


def test_leaving_a_call_early_ends_the_worker(client: Client) -> None:
    with client:
        stream = client.stream("anything")
        next(stream)
        stream.close()
        assert not workers()
        assert client.call("anything") == 7
