"""Artifacts: the blobs that were uploaded for a workspace. `origin/container/path` names one."""

from __future__ import annotations

import posixpath
from pathlib import Path

from toc_build.rehearsal.domain.blobs import CONTAINER, Blobs
from toc_build.rehearsal.domain.refusals import Refusal


def blob_path(artifact: str) -> str:
    """Where the artifact's content lies in the storage account.

    Raises:
        Refusal: it is not `origin/container/path`, or the path leaves its container.
    """
    parts = artifact.split("/")
    if len(parts) < 3 or any(part in {"", ".", ".."} for part in parts):
        raise Refusal("InvalidArtifact", f"{artifact!r} is not the id of an artifact.")
    return posixpath.join(CONTAINER, artifact)


def artifact_of(path: str) -> str:
    """The artifact that a blob at `container/path` is."""
    return path.removeprefix(f"{CONTAINER}/")


class Artifacts:
    """The artifacts of a workspace."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def below(self, prefix: str) -> list[str]:
        """The artifacts that have content at or below a prefix, sorted."""
        return [artifact_of(path) for path in self._blobs.below(blob_path(prefix.rstrip("/")))]

    def file(self, artifact: str) -> Path:
        """The file with an artifact's content.

        Raises:
            Refusal: it was never uploaded.
        """
        path = blob_path(artifact)
        if self._blobs.find(path) is None:
            raise Refusal("ArtifactNotFound", f"The artifact {artifact} was created but never uploaded.", 404)
        return self._blobs.file(path)
