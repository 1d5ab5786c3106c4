"""A client that speaks the wire itself, where the SDK would retry, sleep or hide an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from toc_build.rehearsal.domain.cloud import Cloud
from toc_build.rehearsal.process import Running

PREFIX = "LocalUpload/241125T1200-ab"


@dataclass
class Signed:
    """A signed-in client.

    Attributes:
        running: the rehearsal.
        client: without retries.
        token: of the service principal; asked for when it is needed.
    """

    running: Running
    client: httpx.Client
    token: str = field(default="", repr=False)

    @property
    def scope(self) -> str:
        """The workspace's resource id."""
        values = self.running.values
        return (
            f"/subscriptions/{values['subscription']}/resourceGroups/{values['resource_group']}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{values['workspace']}"
        )

    @property
    def management(self) -> str:
        """Path of the model management service."""
        return f"/modelmanagement/v1.0{self.scope}"

    def sign_in(self, secret: str | None = None) -> httpx.Response:
        """Asks for a token."""
        values = self.running.values
        form = {
            "grant_type": "client_credentials",
            "client_id": values["client"],
            "client_secret": secret or values["client_secret"],
            "resource": self.running.base,
        }
        return self.client.post(f"{self.running.base}/adfs/{values['tenant']}/oauth2/token", data=form)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A request with the token."""
        if not self.token:
            self.token = self.sign_in().json()["access_token"]
        shown = {"Authorization": f"Bearer {self.token}", **headers}
        return self.client.request(method, f"{self.running.base}{path}", json=body, headers=shown)

    def upload(self, container: str, files: dict[str, bytes]) -> dict[str, str]:
        """Uploads artifacts, and returns their signed addresses by path."""
        body = {"paths": [{"path": path} for path in files]}
        place = f"/artifact/v2.0{self.scope}/artifacts/batch/metadata/LocalUpload/{container}"
        found = self.ask("POST", place, body).json()["artifactContentInformation"]
        addresses = {path: str(item["contentUri"]) for path, item in found.items()}
        for path, content in files.items():
            assert self.client.put(plain(addresses[path]), content=content).status_code == 201
        return addresses


def plain(address: str) -> str:
    """A signed address without the user part that only the SDK needs."""
    return address.replace("emu.blob.core@", "")


def put_blob(cloud: Cloud, artifact: str, content: bytes) -> None:
    """Puts an artifact's content in place, as if it had been uploaded."""
    part = cloud.blobs.new_part()
    part.write_bytes(content)
    cloud.blobs.put(f"azureml/{artifact}", part)
