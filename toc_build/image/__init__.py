"""Turns a bundle into a container image, without a container engine: the same digest on every machine."""

from toc_build.image.build import build_image
from toc_build.image.built import BuiltImage
from toc_build.image.settings import ImageSettings

__all__ = ["BuiltImage", "ImageSettings", "build_image"]
