"""The order of things: prepare, test, deploy, serve. Knows targets only by their protocol."""

from toc_build.deployment.apply import deploy, open_service
from toc_build.deployment.service import Service

__all__ = ["Service", "deploy", "open_service"]
