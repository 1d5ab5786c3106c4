"""The local target: a bundle served on this machine by Azure ML's own inference server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toc_build.targets.local.settings import ContainerSettings, LocalSettings

if TYPE_CHECKING:
    from toc_build.targets.local.target import LocalTarget

__all__ = ["ContainerSettings", "LocalSettings", "LocalTarget"]


def __getattr__(name: str) -> object:
    """Import the target when it is asked for: the supervisor, which lives in this package, never does."""
    if name == "LocalTarget":
        from toc_build.targets.local.target import LocalTarget

        return LocalTarget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
