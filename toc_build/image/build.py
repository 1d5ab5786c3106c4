"""Builds the image of a bundle: `build_image`. Called by `toc-build build` and by the local target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toc_build.bundle import Bundle
from toc_build.image.built import BuiltImage
from toc_build.image.settings import ImageSettings

Progress = Callable[[str], None]


def build_image(
    bundle: Bundle, *, settings: ImageSettings, cache: Path | None = None, progress: Progress | None = None
) -> BuiltImage:
    """The image of `bundle`; layers that were made before are taken from the cache.

    Args:
        bundle: what is served.
        settings: how.
        cache: the folder of images, instead of `images` in the cache folder.
        progress: told in one line what is being done.

    Raises:
        ImageError: the base, the environment or the cache stands in the way; nothing half-made is left.
    """
    raise NotImplementedError((bundle, settings, cache, progress))
