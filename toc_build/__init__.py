"""toc-build: from a trained image detector in a folder to a tested, reproducible, observable endpoint.

    import toc_build

    service = toc_build.deploy("river-litter")          # target="local" when omitted
    detections = service.score("samples/river.jpg")     # list of Detection, in pixels of that image
    service.delete()

The public names are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toc_build.deployment import Service, deploy, open_service
    from toc_build.errors import Rejected, UserError
    from toc_build.runtime import Detection

__all__ = ["Detection", "Rejected", "Service", "UserError", "deploy", "open_service"]

_HOMES = {
    "Detection": "toc_build.runtime",
    "Rejected": "toc_build.errors",
    "Service": "toc_build.deployment",
    "UserError": "toc_build.errors",
    "deploy": "toc_build.deployment",
    "open_service": "toc_build.deployment",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
