"""A rehearsal and the cloud targets on it, for tests of `targets.azure` with the genuine azureml-core."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from support.targets_bundles import HandMadeBundle, make_bundle

from toc_build.contract.client import trusted
from toc_build.environment import ensure_sdk_v1
from toc_build.rehearsal import process
from toc_build.rehearsal.process import Running
from toc_build.rehearsal.surroundings import rehearsed
from toc_build.repository.target_schema import AciTarget, AksTarget
from toc_build.targets.azure.aci import Aci
from toc_build.targets.azure.aks import Aks
from toc_build.targets.azure.look import look
from toc_build.targets.azure.place import Place
from toc_build.targets.azure.target import AzureTarget
from toc_build.targets.azure.v1.client import Client
from toc_build.targets.azure.workspace import WorkspaceName

SERVER = "azureml-inference-server-http>=1.5,<2"
CONDA = (
    f"name: test\nchannels: [conda-forge]\ndependencies:\n  - python=3.{sys.version_info.minor}\n  - pip\n"
)
COMMON = {"image": None, "description": None, "model": None, "workers": 1, "threads": 2}
_numbers = itertools.count(1)


@dataclass
class Rehearsal:
    """One rehearsal, with a signed-in client that many tests share."""

    running: Running
    client: Client
    folder: Path
    sdk: Path
    bundles: dict[str, Path] = field(default_factory=dict)

    def fault(self, *faults: str) -> None:
        """What is to go wrong from now on."""
        self.running.ask("POST", "faults", {"faults": list(faults)})

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.running.ask("DELETE", "faults")

    def services(self) -> list[str]:
        """The names of all services."""
        return sorted(one["name"] for one in self.running.ask("GET", "status")["services"])

    def models(self) -> list[str]:
        """The ids of all models."""
        return sorted(self.running.ask("GET", "status")["models"])

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, as the rehearsal logged it."""
        lines = (self.running.folder / process.LOG).read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def sent(self, kind: str, name: str) -> dict[str, Any]:
        """What Azure was sent of a `service` or `compute`, all requests together, less its secrets."""
        database = sqlite3.connect(f"file:{self.running.folder / 'state.sqlite'}?mode=ro", uri=True)
        try:
            query = "SELECT body FROM documents WHERE kind=? AND name=?"
            return dict(json.loads(database.execute(query, (kind, name)).fetchone()[0])["document"])
        finally:
            database.close()

    def bundle(
        self, version: str, fault: str | None = None, *, model: str = "1 2 3", **parts: Any
    ) -> HandMadeBundle:
        """A bundle that answers its version; with a fault it does not start; `model` is its artifact."""
        if fault == "init":
            parts["init"] = 'raise ValueError("no weights")'
        elif fault == "ready":
            parts["init"] = "import time; time.sleep(600)"
        made = make_bundle(self.folder / f"bundle-{next(_numbers)}", version, **parts)
        (made.root / "environment").mkdir()
        (made.root / "environment" / "requirements.lock").write_text(f"{SERVER}\n")
        (made.root / "environment" / "conda.yml").write_text(CONDA)
        (made.root / "model" / "weights.txt").write_text(f"{model}\n")
        bundle = HandMadeBundle(made.root, f"sha256:{version + (fault or ''):0>64}")
        self.bundles[bundle.digest] = made.root
        return bundle

    def aci(self, service: str, *, deadlines: dict[str, float] | None = None, **changes: Any) -> AzureTarget:
        """The target aci, for a service of that name."""
        settings = Aci.settings(AciTarget()) | COMMON | changes
        return self._target(Aci(), service, settings, deadlines)

    def aks(
        self,
        service: str,
        *,
        deadlines: dict[str, float] | None = None,
        canary: int | None = None,
        **changes: Any,
    ) -> AzureTarget:
        """The target aks, for a service of that name."""
        section = AksTarget(compute_target_name="inference-ml", replicas=2, cpu_cores=0.2)
        settings = Aks.settings(section) | COMMON | changes
        return self._target(Aks(), service, settings, deadlines, canary)

    def _target(
        self,
        kind: Any,
        service: str,
        settings: dict[str, Any],
        deadlines: dict[str, float] | None,
        canary: int | None = None,
    ) -> AzureTarget:
        place = Place(
            kind=kind,
            service=service,
            settings=settings,
            workspace="rehearsal-ml",
            model_name="weights",
            lock=self.folder / "locks" / f"{service}.lock",
            find_bundle=self.bundles.get,
            deadlines=deadlines or {},
            canary=canary,
        )
        return AzureTarget(place, self.client, look)


@contextmanager
def rehearsal(folder: Path, *faults: str, sdk: Path | None = None) -> Iterator[Rehearsal]:
    """A rehearsal of its own, with an empty workspace.

    The interpreter with the SDK is found at once: each test has a cache of its own, without it. The SDK
    trusts the rehearsal's authority alone: it reads all that it trusts anew for each request.
    """
    with process.temporary(faults) as running:
        environ = rehearsed(os.environ, running)
        environ["REQUESTS_CA_BUNDLE"] = str(running.folder / "tls" / "authority.pem")
        values = running.values
        name = WorkspaceName(values["subscription"], values["resource_group"], values["workspace"])
        found = sdk or ensure_sdk_v1()
        with Client(name, lambda: found, interactive=False, environ=environ) as client:
            yield Rehearsal(running, client, folder, found)


def version(uri: str, headers: dict[str, str]) -> str:
    """The version that answers there."""
    answer = httpx.post(uri, content=b"x", headers=headers, timeout=30, trust_env=False, verify=trusted())
    return str(answer.raise_for_status().json()["version"])


def new_name(prefix: str = "svc") -> str:
    """A name that no test before has used."""
    return f"{prefix}-{next(_numbers)}"
