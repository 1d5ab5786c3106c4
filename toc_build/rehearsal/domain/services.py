"""Services: who may have which name, what fits where, keys. Starting scorers is `deployments`' part.

Sources: https://learn.microsoft.com/azure/container-instances/container-instances-resource-and-quota-limits
(container groups: up to 4 cores and 16 GB, 10 cores of a region by default) and
https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-azure-kubernetes-service.
"""

from __future__ import annotations

import secrets
from typing import Any

from toc_build.rehearsal.domain import names
from toc_build.rehearsal.domain.clock import Clock, iso
from toc_build.rehearsal.domain.computes import Computes, check_fits
from toc_build.rehearsal.domain.models import Models
from toc_build.rehearsal.domain.records import Scorer, Service
from toc_build.rehearsal.domain.refusals import Refusal, not_found
from toc_build.rehearsal.domain.store import Store

ACI, AKS, ENDPOINT = "ACI", "AKS", "AKSENDPOINT"
KINDS = (ACI, AKS, ENDPOINT)
ACI_MAX_CORES, ACI_MAX_MEMORY_GB, ACI_REGION_CORES = 4.0, 16.0, 10.0
KEY_BYTES = 24  # 32 characters


class Services:
    """The services of a workspace."""

    def __init__(self, store: Store, scope: str, computes: Computes, models: Models, clock: Clock) -> None:
        self._store, self._scope, self._clock = store, scope, clock
        self._computes, self._models = computes, models

    def find(self, name: str) -> Service | None:
        """A service, or None."""
        found = self._store.get(self._scope, "service", name)
        return None if found is None else Service.from_json(found)

    def get(self, name: str) -> Service:
        """A service.

        Raises:
            Refusal: there is none.
        """
        found = self.find(name)
        if found is None:
            raise not_found("Webservice", name)
        return found

    def list(self) -> list[Service]:
        """All services, by name."""
        return [Service.from_json(item) for item in self._store.all(self._scope, "service")]

    def save(self, service: Service) -> None:
        """Writes a service back."""
        service.updated = iso(self._clock())
        self._store.put(self._scope, "service", service.name, service.to_json())

    def delete(self, name: str) -> bool:
        """Removes a service; False when there was none."""
        return self._store.delete(self._scope, "service", name)

    def new(self, name: str, kind: str, auth: str, *, primary: str | None, secondary: str | None) -> Service:
        """A service that is not kept yet, with the keys that were given or new ones."""
        now = iso(self._clock())
        return Service(name, kind, now, now, auth, primary or new_key(), secondary or new_key())

    def check_name(self, name: str) -> None:
        """Refuses a name that is not allowed or taken.

        Raises:
            Refusal: why.
        """
        names.check_service(name)
        if self.find(name) is not None:
            raise Refusal(
                "WebserviceExists",
                f"Service {name} with the same name already exists, please use a different service name or "
                "delete the existing service.",
                409,
            )

    def check_scorer(self, service: Service, scorer: Scorer, *, autoscale: bool) -> None:
        """Refuses what cannot run where it is to run.

        Args:
            service: that it is for; its kind and cluster count.
            scorer: what is to run.
            autoscale: whether replicas are to come and go by themselves.

        Raises:
            Refusal: why.
        """
        for model in scorer.models:
            self._models.get(model)
        if service.kind == ACI:
            self._check_aci(service, scorer)
            return
        if not service.cluster:
            raise Refusal("ComputeNameMissing", "A service on AKS needs the name of a compute target.")
        cluster = self._computes.get(service.cluster)
        used = sum(
            version.scorer.cpu * version.scorer.replicas
            for other in self.list()
            if other.kind != ACI and other.name != service.name and other.cluster == cluster.name
            for version in other.versions.values()
        )
        check_fits(cluster, scorer, autoscale=autoscale, replicas=scorer.replicas, used=used)

    def check_traffic(self, service: Service) -> None:
        """Refuses percentages that are none, or more than a hundred together.

        Raises:
            Refusal: why.
        """
        shares = [version.traffic for version in service.versions.values()]
        if any(not 0 <= share <= 100 for share in shares) or sum(shares) > 100:
            shown = ", ".join(f"{version.name} {version.traffic}" for version in service.versions.values())
            raise Refusal(
                "InvalidTrafficPercentile", f"Traffic must be 0 to 100 and at most 100 in all: {shown}."
            )

    def regenerate(self, name: str, which: str, value: str | None) -> None:
        """Gives a service a new primary or secondary key.

        Raises:
            Refusal: there is no such service or key.
        """
        service = self.get(name)
        if which == "Primary":
            service.primary_key = value or new_key()
        elif which == "Secondary":
            service.secondary_key = value or new_key()
        else:
            raise Refusal("InvalidKeyType", f"There is no key {which!r}: Primary and Secondary are.")
        self.save(service)

    def _check_aci(self, service: Service, scorer: Scorer) -> None:
        if scorer.cpu > ACI_MAX_CORES or scorer.memory_gb > ACI_MAX_MEMORY_GB:
            raise Refusal(
                "ResourceRequestsExceedLimits",
                f"{scorer.cpu:g} cores and {scorer.memory_gb:g} GB were asked for; a container group has up "
                f"to {ACI_MAX_CORES:g} cores and {ACI_MAX_MEMORY_GB:g} GB.",
            )
        used = sum(
            version.scorer.cpu
            for other in self.list()
            if other.kind == ACI and other.name != service.name
            for version in other.versions.values()
        )
        if used + scorer.cpu > ACI_REGION_CORES:
            raise Refusal(
                "QuotaExceeded",
                f"The quota of {ACI_REGION_CORES:g} cores for container groups in this region would be "
                f"exceeded: {used:g} are in use, {scorer.cpu:g} are asked for.",
                409,
            )


def new_key() -> str:
    """A key for scoring: 32 characters."""
    return secrets.token_urlsafe(KEY_BYTES)


def described(error: Any) -> dict[str, Any]:
    """A refusal as an operation's error."""
    return {"code": error.code, "statusCode": error.status, "message": error.message}
