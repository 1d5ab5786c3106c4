"""Signs in, opens the workspace and keeps both for the other modules here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from . import failures, quirks, sign_in
from .channel import Channel, Failure

if TYPE_CHECKING:
    from azureml.core import Workspace


class Session:
    """One signed-in worker.

    Args:
        channel: for events.
    """

    calls = ("connect",)

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._workspace: Workspace | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace that `connect` opened."""
        if self._workspace is None:
            raise Failure("unexpected", "no workspace was opened")
        return self._workspace

    def connect(
        self, subscription_id: str, resource_group: str, workspace: str, interactive: bool
    ) -> dict[str, Any]:
        """Sign in and open the workspace.

        Returns:
            `location`, `id`, and how it signed in: `used`, and `skipped` as pairs of method and reason.
        """
        from azureml.core import Workspace

        quirks.after_import()
        chosen = sign_in.choose(interactive=interactive, tell=self._tell)
        try:
            self._workspace = Workspace.get(
                name=workspace,
                auth=chosen.authentication,
                subscription_id=subscription_id,
                resource_group=resource_group,
            )
        except Exception as error:
            raise self._not_opened(error, chosen) from error
        if self._workspace is None:  # an unreachable resource manager is swallowed by the SDK
            raise Failure("connection", "Azure Resource Manager did not answer.", used=chosen.method)
        return {
            "location": self._workspace.location,
            "id": self._workspace.get_details().get("id"),
            "used": chosen.method,
            "skipped": chosen.skipped,
        }

    def _not_opened(self, error: Exception, chosen: sign_in.Chosen) -> Failure:
        if isinstance(error, KeyError) and error.args == ("access_token",):
            # What MSAL says of a refused secret is lost in the SDK, which takes a token for granted.
            words = "no token was given: the tenant, the id or the secret is wrong, or the secret has expired"
            return Failure("sign-in", words, used=chosen.method, skipped=chosen.skipped)
        told = failures.explain(error)
        more = {**told.more, "used": chosen.method, "skipped": chosen.skipped}
        name = type(error).__name__
        if told.kind in {"unauthorized", "sign-in"} or name in {
            "AuthenticationException",
            "AuthenticationError",
        }:
            return Failure("sign-in", told.message, **more)
        lowered = told.message.lower()
        hidden = "don't have access to" in lowered and "subscription" in lowered
        if hidden or (told.kind in {"not-found", "unexpected"} and "not found" in lowered):
            return Failure("workspace-not-found", told.message, **more)
        return Failure(told.kind, told.message, **more)

    def _tell(self, text: str) -> None:
        self.channel.event("note", text)
        sys.stderr.write(f"{text}\n")
