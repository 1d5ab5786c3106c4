"""Registered models: found by the digest of their artifacts, registered once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .channel import Failure

if TYPE_CHECKING:
    from azureml.core.model import Model

    from .session import Session

ARTIFACTS_TAG = "toc-artifacts"


class Models:
    """Calls about models.

    Args:
        session: the signed-in worker.
    """

    calls = ("ensure_model", "model")

    def __init__(self, session: Session) -> None:
        self._session = session

    def ensure_model(
        self, root: str, folder: str, name: str, artifacts: str, description: str | None, tags: dict[str, str]
    ) -> dict[str, Any]:
        """The version of `name` with these artifacts; uploaded and registered when there is none.

        An upload that was cut off leaves files that no model names, never a version. A registration whose
        answer was lost is repeated by the SDK: the second version of it is taken away again.

        Args:
            root: a folder that holds `folder`; the SDK takes nothing outside of the current one.
            folder: of the artifacts, registered with this as its last part.
            name: the model's name.
            artifacts: digest of the artifacts.
            description: for people.
            tags: of a new version.

        Returns:
            `id`, as `name:version`, and whether it was `created`.
        """
        from azureml.core.model import Model

        found = self._with(name, artifacts)
        if found:
            return {"id": found[0].id, "created": False}
        self._session.channel.event("progress", f"uploading the model {name}")
        os.chdir(root)
        try:
            Model.register(
                self._session.workspace,
                model_path=folder,
                model_name=name,
                tags={**tags, ARTIFACTS_TAG: artifacts},
                description=description,
            )
        finally:
            os.chdir("/")
        found = self._with(name, artifacts)
        if not found:
            raise Failure("unexpected", f"the model {name} was registered, but is not listed")
        for repeated in found[1:]:
            repeated.delete()
        return {"id": found[0].id, "created": True}

    def model(self, name: str, version: int) -> dict[str, Any] | None:
        """A registered version, or None."""
        from azureml.core.model import Model

        try:
            found = Model(self._session.workspace, name=name, version=version)
        except Exception as error:
            if "not found" in str(error).lower():
                return None
            raise
        return {"id": found.id, "tags": found.tags, "description": found.description}

    def _with(self, name: str, artifacts: str) -> list[Model]:
        """The versions with these artifacts, the oldest first."""
        from azureml.core.model import Model

        listed = Model.list(self._session.workspace, name=name, tags=[[ARTIFACTS_TAG, artifacts]])
        fitting = [model for model in listed if (model.tags or {}).get(ARTIFACTS_TAG) == artifacts]
        return sorted(fitting, key=lambda model: int(model.version))
