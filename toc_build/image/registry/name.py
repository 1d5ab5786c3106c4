"""The name of an image in a registry, read and written as Docker does it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from toc_build.errors import ImageError

_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DOCKER_HUB = {"docker.io", "index.docker.io", "registry-1.docker.io"}


@dataclass(frozen=True)
class ImageName:
    """Where an image is.

    Attributes:
        host: of the registry, with a port if it is not the usual one.
        repository: its path there.
        tag: or None.
        digest: or None.
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str, *, where: str | None = None) -> ImageName:
        """Reads `[HOST[:PORT]/]PATH[:TAG][@sha256:...]`; without a host it is Docker Hub.

        Args:
            text: the name.
            where: the place it stands at, for messages.

        Raises:
            ImageError: it is not a name.
        """
        rest, at, digest = text.partition("@")
        first, slash, path = rest.partition("/")
        if not slash and ("." in first.partition(":")[0] or first.partition(":")[0] == "localhost"):
            raise ImageError(
                f"{text!r} names a registry, and no image in it.",
                code="TOC-IMAGE-040",
                where=where,
                fix=f"add the image's path: {first}/models/river-litter.",
            )
        if not slash or not ("." in first or ":" in first or first == "localhost"):
            first, path = "docker.io", rest
        path, colon, tag = path.partition(":")
        if first in _DOCKER_HUB:
            first = "docker.io"
            path = path if "/" in path else f"library/{path}"
        wrong = (
            not _PATH.fullmatch(path)
            or (colon and not _TAG.fullmatch(tag))
            or (at and not _DIGEST.fullmatch(digest))
        )
        if wrong or not re.fullmatch(r"[A-Za-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?", first):
            raise ImageError(
                f"{text!r} is not the name of an image.",
                code="TOC-IMAGE-040",
                where=where,
                fix="write it as REGISTRY/PATH:TAG, such as example.azurecr.io/models/river-litter:1; the "
                "path "
                "in small letters.",
            )
        return cls(first, path, tag or None, digest or None)

    @property
    def reference(self) -> str:
        """What names the manifest within the repository: the digest before the tag, `latest` without both."""
        return self.digest or self.tag or "latest"

    @property
    def api(self) -> str:
        """The URL that the registry answers at."""
        host = "registry-1.docker.io" if self.host == "docker.io" else self.host
        return f"{'http' if _is_loopback(host) else 'https'}://{host}"

    def with_tag(self, tag: str) -> ImageName:
        """The same repository by a tag."""
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: str) -> ImageName:
        """The same repository by a digest."""
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"


def _is_loopback(host: str) -> bool:
    """Whether a registry is on this machine; Docker speaks plain HTTP to those as well."""
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
