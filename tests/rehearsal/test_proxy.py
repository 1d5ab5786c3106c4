"""The way out: package indexes through, Azure refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from toc_build.rehearsal.process import Running
from toc_build.rehearsal.proxy import is_azure


@pytest.mark.parametrize(
    "host",
    [
        "management.azure.com",
        "northeurope.api.azureml.ms",
        "login.microsoftonline.com",
        "account.blob.core.windows.net",
        "registry.azurecr.io",
        "dc.services.visualstudio.com",
        "Management.Azure.COM.",
    ],
)
def test_hosts_of_azure(host: str) -> None:
    assert is_azure(host)


@pytest.mark.parametrize(
    "host", ["pypi.org", "files.pythonhosted.org", "pkgs.dev.azure.com", "notazure.com", "localhost", ""]
)
def test_other_hosts(host: str) -> None:
    assert not is_azure(host)


@pytest.fixture
def index() -> Iterator[str]:
    """An index somewhere out there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"at {self.path}".encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_index_is_reached_and_azure_is_not(running: Running, index: str) -> None:
    with httpx.Client(proxy=running.proxy, trust_env=False, timeout=20.0) as client:
        assert client.get(f"{index}/simple/?a=1").text == "at /simple/?a=1"
        assert client.get("http://management.azure.com/subscriptions").status_code == 403
        with pytest.raises(httpx.ProxyError, match="403"):
            client.get("https://management.azure.com/subscriptions")
    entries = [json.loads(line) for line in (running.folder / "requests.jsonl").read_text().splitlines()]
    refused = [entry["path"] for entry in entries if entry["step"] == "proxy"]
    assert "management.azure.com:443" in refused
