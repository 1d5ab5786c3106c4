"""One rehearsed workspace with everything in it: the root of the domain. APIs are projected onto this.

The server makes one; the wire and `deployments` use it.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from toc_build.rehearsal.domain.artifacts import Artifacts
from toc_build.rehearsal.domain.blobs import Blobs
from toc_build.rehearsal.domain.clock import Clock, iso, system_clock
from toc_build.rehearsal.domain.computes import Computes
from toc_build.rehearsal.domain.environments import Environments
from toc_build.rehearsal.domain.models import Models
from toc_build.rehearsal.domain.operations import Operations
from toc_build.rehearsal.domain.records import Cluster
from toc_build.rehearsal.domain.services import Services
from toc_build.rehearsal.domain.store import Store

# What a workspace holds to begin with: name, VM size, nodes, production. The last is too small on purpose.
CLUSTERS = (
    ("inference-ml", "Standard_D4_v3", 3, True),
    ("dev-ml", "Standard_DS2_v2", 1, False),
    ("gpu-ml", "Standard_NC6s_v3", 2, True),
    ("small-ml", "Standard_D4_v3", 2, True),
)


@dataclass(frozen=True)
class Identity:
    """Who and where: of the workspace, and of the service principal that may use it.

    The secrets in it are made for this rehearsal and open nothing else.
    """

    subscription: str
    resource_group: str
    workspace: str
    workspace_id: str
    location: str
    tenant: str
    client: str
    client_secret: str
    token_secret: str
    storage_secret: str

    @property
    def scope(self) -> str:
        """The workspace's resource id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    @classmethod
    def new(cls) -> Identity:
        """Another one each time."""
        return cls(
            subscription=str(uuid.uuid4()),
            resource_group="rehearsal",
            workspace="rehearsal-ml",
            workspace_id=str(uuid.uuid4()),
            location="northeurope",
            tenant=str(uuid.uuid4()),
            client=str(uuid.uuid4()),
            client_secret=secrets.token_urlsafe(30),
            token_secret=secrets.token_hex(32),
            storage_secret=secrets.token_hex(32),
        )


class Cloud:
    """A workspace and all that is in it.

    Args:
        folder: where it is kept; filled when it is new.
        clock: seconds since 1970.
    """

    def __init__(self, folder: Path, clock: Clock = system_clock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder).chmod(0o700)  # keys and secrets lie in it
        self.folder, self.clock = folder, clock
        self.store = Store(folder / "state.sqlite")
        kept = self.store.get("", "identity", "identity")
        self.identity = Identity(**kept) if kept else Identity.new()
        scope = self.identity.scope
        self.blobs = Blobs(folder / "blobs", self.store, self.identity.storage_secret.encode(), clock)
        self.artifacts = Artifacts(self.blobs)
        self.models = Models(self.store, scope, self.artifacts, clock)
        self.environments = Environments(self.store, scope)
        self.computes = Computes(self.store, scope, clock)
        self.operations = Operations(self.store, scope, clock)
        self.services = Services(self.store, scope, self.computes, self.models, clock)
        if not kept:
            self._fill(CLUSTERS)
            self.store.put("", "identity", "identity", asdict(self.identity))

    def _fill(self, clusters: Sequence[tuple[str, str, int, bool]]) -> None:
        """Puts in what a workspace holds to begin with; no rule is asked, one cluster breaks one."""
        identity = self.identity
        for name, vm_size, nodes, production in clusters:
            resource = (
                f"/subscriptions/{identity.subscription}/resourceGroups/{identity.resource_group}"
                f"/providers/Microsoft.ContainerService/managedClusters/{name}"
            )
            self.computes.save(
                Cluster(
                    name,
                    "AKS",
                    identity.location,
                    iso(self.clock()),
                    vm_size=vm_size,
                    nodes=nodes,
                    production=production,
                    resource=resource,
                )
            )
