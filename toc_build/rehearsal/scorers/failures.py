"""What can go wrong between an uploaded scorer and one that answers."""

from __future__ import annotations


class BuildFailed(Exception):  # noqa: N818 - an outcome, not a defect
    """The environment, Azure's image, cannot be built; the build's log has been written already."""


class StartFailed(Exception):  # noqa: N818 - an outcome, not a defect
    """A replica did not become ready; its own log has been written already.

    Args:
        message: one sentence.
        exit_status: of its process; None when it still ran.
    """

    def __init__(self, message: str, exit_status: int | None = None) -> None:
        super().__init__(message)
        self.message, self.exit_status = message, exit_status
