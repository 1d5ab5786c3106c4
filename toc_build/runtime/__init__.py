"""The scoring runtime: what a scoring script needs around its detector. It travels inside every bundle.

Standard library, numpy, and OpenCV or Pillow; nothing above it is imported. Names are imported on first use,
so that the command line, which needs the settings alone, does not load OpenCV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .artifacts import MissingArtifact, model_path
    from .detection import Detection, Violation, check_detections
    from .geometry import LetterboxGeometry, clip_boxes, iou_matrix, letterbox, nms, unletterbox
    from .handler import Answer, RequestHandler
    from .image import PostedImage, TooManyPixels, open_image
    from .image_header import ImageHeader, UnreadableImage, read_header
    from .settings import ScoringSettings, SettingsError, load_settings

__all__ = [
    "Answer",
    "Detection",
    "ImageHeader",
    "LetterboxGeometry",
    "MissingArtifact",
    "PostedImage",
    "RequestHandler",
    "ScoringSettings",
    "SettingsError",
    "TooManyPixels",
    "UnreadableImage",
    "Violation",
    "check_detections",
    "clip_boxes",
    "iou_matrix",
    "letterbox",
    "load_settings",
    "model_path",
    "nms",
    "open_image",
    "read_header",
    "unletterbox",
]

_HOMES = {
    "artifacts": ("MissingArtifact", "model_path"),
    "detection": ("Detection", "Violation", "check_detections"),
    "geometry": ("LetterboxGeometry", "clip_boxes", "iou_matrix", "letterbox", "nms", "unletterbox"),
    "handler": ("Answer", "RequestHandler"),
    "image": ("PostedImage", "TooManyPixels", "open_image"),
    "image_header": ("ImageHeader", "UnreadableImage", "read_header"),
    "settings": ("ScoringSettings", "SettingsError", "load_settings"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker must see the imports above, and nothing that answers to every name

    def __getattr__(name):
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
