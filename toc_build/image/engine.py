"""A container engine on this machine (Docker, podman): images in and out of it.

Used by the local target's `engine: docker` and by `toc-build build --load`. `client` is the docker SDK's own,
for running containers.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from toc_build.errors import TargetError
from toc_build.extras import how_to_add
from toc_build.image.built import BuiltImage
from toc_build.image.engine_address import EngineAddress, find

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

TIMEOUT_SECONDS = 60
LOAD_SECONDS = 1800  # gigabytes into a slow disk
_CHUNK = 1 << 20

Progress = Callable[[str], None]


class Engine:
    """A running engine.

    Args:
        client: the docker SDK's client.
        address: where it listens.
    """

    def __init__(self, client: DockerClient, address: EngineAddress) -> None:
        self.client = client
        self.address = address

    @classmethod
    def connect(cls, environ: Mapping[str, str] = os.environ, *, url: str | None = None) -> Engine:
        """The engine of this machine.

        Args:
            environ: environment variables; DOCKER_HOST and the like are heeded.
            url: an address that an earlier `connect` found.

        Raises:
            TargetError: the SDK is not installed, or no engine answers; why, and what to do.
        """
        try:
            import docker
            from docker.errors import DockerException
            from docker.utils import kwargs_from_env
        except ImportError:
            raise TargetError(
                "the container engine cannot be asked: the package `docker` is not installed",
                code="TOC-ENGINE-001",
                where="deploy.yml targets -> local -> engine",
                fix=f"{how_to_add('docker')}; `engine: process` does without",
            ) from None
        address = EngineAddress(url) if url is not None else find(environ)
        try:
            tls: Any = kwargs_from_env(dict(environ)).get("tls", False)
            client = docker.DockerClient(
                base_url=address.url, tls=tls, version="auto", timeout=TIMEOUT_SECONDS, max_pool_size=20
            )
        except DockerException as error:
            raise TargetError(
                f"the container engine at {address.url} does not answer as Docker does: {error}",
                code="TOC-ENGINE-004",
                where=address.named_by,
                fix="see whether `docker version` reaches it",
            ) from None
        return cls(client, address)

    def close(self) -> None:
        """Let its connections go."""
        self.client.close()

    def image_id(self, image: BuiltImage) -> str | None:
        """What the engine calls the image, when it has exactly this one; otherwise None.

        Most engines name an image by its configuration's digest. One that names it otherwise (Docker with
        containerd's store) is asked by tag, and its layers and settings are compared.
        """
        wanted = json.loads(image.blob(image.config_digest).read_bytes())
        for name in (image.config_digest, image.reference_name):
            found = self._find(name)
            if found is None:
                continue
            same_layers = found.attrs.get("RootFS", {}).get("Layers") == wanted["rootfs"]["diff_ids"]
            given = found.attrs.get("Config") or {}
            same_settings = all(
                (given.get(key) or None) == (value or None)
                for key, value in wanted.get("config", {}).items()
                if key in ("Cmd", "Entrypoint", "Env", "Labels", "User", "WorkingDir")
            )
            if same_layers and same_settings:
                return str(found.id)
        return None

    def has(self, image_id: str) -> bool:
        """Whether the engine has an image that it calls so."""
        return bool(image_id) and self._find(image_id) is not None

    def load(self, image: BuiltImage, progress: Progress | None = None) -> tuple[str, bool]:
        """Put the image into the engine, unless it is there already.

        Layers that the engine has from other images are not sent.

        Args:
            image: the image.
            progress: told in one line what is being done.

        Returns:
            What the engine calls it, and whether it was loaded just now.

        Raises:
            TargetError: the engine does not take it; its own words come with that.
        """
        known = self.image_id(image)
        if known is not None:
            self._name(known, image.reference_name)
            return known, False
        if progress is not None:
            progress(f"loading {image.reference_name} into the container engine")
        has = self._layers_it_has(image)
        said = self._send(image, has)
        loaded = self.image_id(image)
        if loaded is None and has:  # an engine that wants every layer every time
            said = self._send(image, 0)
            loaded = self.image_id(image)
        if loaded is None:
            raise TargetError(
                f"the container engine did not take the image {image.reference_name}",
                code="TOC-ENGINE-007",
                where=self.address.url,
                fix="its own words are below; most often its disk is full (`docker system df`)",
                details=said or "(it said nothing)",
            )
        return loaded, True

    def remove(self, image_id: str) -> bool:
        """Remove an image, unless a container or another name needs it; whether it is gone."""
        from docker.errors import APIError, ImageNotFound

        try:
            self.client.images.remove(image_id)
        except ImageNotFound:
            return True
        except APIError:
            return False
        return True

    def _name(self, image_id: str, name: str) -> None:
        """Give an image its name back, which another image may have taken since."""
        found = self._find(image_id)
        if found is not None and name not in found.tags:
            found.tag(name)

    def _find(self, name: str) -> Image | None:
        from docker.errors import APIError

        try:
            return self.client.images.get(name)
        except APIError:
            return None

    def _layers_it_has(self, image: BuiltImage) -> int:
        """How many of the image's lowest layers the engine has, in that order."""
        from docker.errors import ImageNotFound

        wanted = json.loads(image.blob(image.config_digest).read_bytes())["rootfs"]["diff_ids"]
        api: Any = self.client.api
        best = 0
        for other in api.images():
            try:
                there = api.inspect_image(other["Id"]).get("RootFS", {}).get("Layers") or []
            except ImageNotFound:  # somebody has removed it since it was listed
                continue
            shared = 0
            for ours, theirs in zip(wanted, there, strict=False):
                if ours != theirs:
                    break
                shared += 1
            best = max(best, shared)
        return best

    def _send(self, image: BuiltImage, skipped: int) -> str:
        """Stream an archive without the lowest layers; what the engine said."""
        import requests
        from docker.errors import APIError

        api: Any = self.client.api
        timeout, api.timeout = api.timeout, LOAD_SECONDS
        try:
            answers = list(api.load_image(_archive(image, skipped)))
        except (APIError, requests.RequestException) as error:
            return str(error)
        finally:
            api.timeout = timeout
        texts = [answer.get("error") or answer.get("stream") or "" for answer in answers]
        return "\n".join(text.strip() for text in texts if text.strip())


def _archive(image: BuiltImage, skipped: int) -> Iterator[bytes]:
    """The image's archive, in pieces, without its lowest layers."""
    without = {layer.digest for layer in image.layers[:skipped]}
    without -= {layer.digest for layer in image.layers[skipped:]}
    reading, writing = os.pipe()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as stream:
            image.docker_archive(stream, without=without)  # an engine that leaves early says why

    thread = threading.Thread(target=write, name="archive", daemon=True)
    thread.start()
    with os.fdopen(reading, "rb") as stream:
        while piece := stream.read(_CHUNK):
            yield piece
    thread.join()
