"""Talks to OCI registries: pushes images, fetches bases, attaches and finds what belongs to an image."""

from toc_build.image.registry.name import ImageName
from toc_build.image.registry.push import Pushed, push, retag

__all__ = ["ImageName", "Pushed", "push", "retag"]
