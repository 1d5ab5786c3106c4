"""The ways to sign in, each through the genuine SDK and up to a service that answers."""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from support.azure_place import Rehearsal

from toc_build.errors import TargetError
from toc_build.rehearsal.surroundings import rehearsed
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.azure.workspace import WorkspaceName

pytestmark = pytest.mark.end_to_end

AZ = """#!{python}
import sys, urllib.request
resource = sys.argv[sys.argv.index("--resource") + 1]
print(urllib.request.urlopen(f"{address}?resource={{resource}}").read().decode())
"""


@pytest.fixture
def identity(cheap: Rehearsal) -> Iterator[str]:
    """The address of a machine's own identity, which gets its tokens where Azure does."""
    values = cheap.running.values

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def do_GET(self) -> None:
            form = {
                "grant_type": "client_credentials",
                "client_id": values["client"],
                "client_secret": values["client_secret"],
                "resource": cheap.running.base,
            }
            verify = ssl.create_default_context(cafile=str(cheap.running.bundle))
            address = f"{cheap.running.base}/adfs/x/oauth2/token"
            found = httpx.post(address, data=form, verify=verify, trust_env=False).raise_for_status().json()
            told = {**found, "accessToken": found["access_token"], "expires_on": "4102444800"}
            content = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def client(cheap: Rehearsal) -> Iterator[Callable[..., Client]]:
    """A connection without the service principal, with other variables in its place."""
    made: list[Client] = []
    values = cheap.running.values
    name = WorkspaceName(values["subscription"], values["resource_group"], values["workspace"])

    def connect(**variables: str) -> Client:
        environ = rehearsed(os.environ, cheap.running)
        environ = {key: value for key, value in environ.items() if "SERVICE_PRINCIPAL" not in key}
        made.append(Client(name, lambda: cheap.sdk, interactive=False, environ={**environ, **variables}))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def names(client: Client) -> set[str]:
    """The clusters that whoever is signed in sees."""
    return {one["name"] for one in client.call("clusters")}


def test_managed_identity(client: Callable[..., Client], identity: str) -> None:
    found = client(MSI_ENDPOINT=identity)
    assert "inference-ml" in names(found)
    assert found.signed_in is not None
    assert found.signed_in.used == "managed identity"
    assert [way for way, _ in found.signed_in.skipped] == ["service principal"]


def test_azure_cli(client: Callable[..., Client], identity: str, tmp_path: Path) -> None:
    program = tmp_path / "az"
    program.write_text(AZ.format(python=sys.executable, address=identity))
    program.chmod(0o755)
    found = client(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert "inference-ml" in names(found)
    assert found.signed_in is not None
    assert found.signed_in.used == "Azure CLI"
    assert [way for way, _ in found.signed_in.skipped] == ["service principal", "managed identity"]


def test_nobody(client: Callable[..., Client]) -> None:
    with pytest.raises(TargetError) as refused:
        client(PATH="/nowhere").call("clusters")
    assert refused.value.code == "TOC-AZURE-003"
    assert "az login" in str(refused.value.problems[0].fix)
