"""What `aci` and `aks` differ in: a kind turns settings into the SDK's arguments and says what changes mean.

Settings are JSON values by name, exactly as `describe()` shows and the live service keeps them, so that an
earlier version is deployed again from what was written then, without today's `deploy.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from toc_build.targets.plan import Cost, Effect, Needs

Settings = Mapping[str, Any]

# Settings that live around the service, not in it.
AROUND = frozenset({"tags", "description"})


class Kind(Protocol):
    """One kind of web service."""

    name: str  # the target's name
    cost: Cost

    def wire(self, settings: Settings) -> str:
        """The name that Azure has for it: `ACI`, `AKS`, or `AKSENDPOINT` for one with versions."""
        ...

    def where(self, settings: Settings) -> str:
        """The place in words, such as a cluster's name."""
        ...

    def configuration(self, settings: Settings, *, update: bool, candidate: bool) -> dict[str, Any]:
        """The SDK's arguments.

        Args:
            settings: of the service.
            update: for `update` of an existing service, not for `deploy_configuration`.
            candidate: for the service that stands beside the one that answers while it is judged.
        """
        ...

    def compute(self, settings: Settings) -> str | None:
        """The cluster it runs on, or None."""
        ...

    def seen(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that Azure itself says of a service: somebody may have changed them by hand."""
        ...

    def made_anew(self, names: frozenset[str]) -> bool:
        """Whether a change of these settings needs the service to be made anew under its name."""
        ...

    def effect(self, name: str, settings: Settings) -> Effect | tuple[Effect, str]:
        """What a change of one setting means for callers."""
        ...

    def needs(self, settings: Settings) -> Needs:
        """What the service takes."""
        ...
