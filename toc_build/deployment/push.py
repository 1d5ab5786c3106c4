"""From an image that was built to a registry: blobs, manifest, tags, SBOM. `toc-build image` calls it."""

from __future__ import annotations

from dataclasses import dataclass

from toc_build.console import Console
from toc_build.deployment.image import MadeImage
from toc_build.errors import ImageError
from toc_build.image.registry import ImageName, Pushed, push
from toc_build.image.registry.client import Connection
from toc_build.image.registry.referrers import attach, attached
from toc_build.image.sbom import MEDIA_TYPE, image_sbom
from toc_build.image.store import ImageStore


@dataclass(frozen=True)
class PushedImage:
    """An image in a registry.

    Attributes:
        pushed: what was sent.
        tags: by which it is named besides its digest.
        sbom: the digest of the manifest that holds the attached SBOM.
    """

    pushed: Pushed
    tags: tuple[str, ...]
    sbom: str


def push_image(
    made: MadeImage, name: ImageName, *, tags: tuple[str, ...] = (), console: Console
) -> PushedImage:
    """Sends the image to a registry, and attaches its SBOM.

    Args:
        made: the image.
        name: where to, as `target_name` gives it; with or without a tag.
        tags: more tags; without any, the first 12 digits of the bundle's digest are the tag.
        console: draws the step.

    Raises:
        UserError: the registry cannot be reached, or refuses.
    """
    wanted = tuple(dict.fromkeys(filter(None, (name.tag, *tags))))
    wanted = wanted or (made.image.reference_name.rpartition(":")[2],)
    with (
        console.step(f"push to {name.host}/{name.repository}") as update,
        Connection(name, push=True) as line,
    ):
        pushed = push(made.image, line, tags=wanted, mount_from=_mount_from(made, name), tell=update)
        update("attaching the SBOM")
        document = image_sbom(made.image, made.bundle, service=made.settings.service, store=ImageStore())
        sbom = attach(line, made.image.digest, document, MEDIA_TYPE)
    return PushedImage(pushed, wanted, sbom)


def fetch_sbom(reference: str) -> bytes:
    """The SBOM that is attached to an image in a registry.

    Raises:
        UserError: there is none, or the registry refuses.
    """
    from toc_build.image.registry.push import manifest_digest

    name = ImageName.parse(reference)
    with Connection(name) as line:
        return attached(line, name.digest or manifest_digest(line, name.reference), MEDIA_TYPE)


def target_name(text: str | None, service: str, *, named: bool = True) -> ImageName:
    """Where an image is to go.

    Args:
        text: what the command or `deploy.yml` says, or None.
        service: the service's name, for messages.
        named: whether the command said it.

    Raises:
        ImageError: nobody said, or it is not the name of a place for images.
    """
    if text is None:
        raise ImageError(
            "nobody said which registry the image is to go to.",
            code="TOC-IMAGE-049",
            where="deploy.yml image -> repository",
            fix=f"write `repository: REGISTRY/models/{service}` under `image:`, or name it behind the "
            "command.",
        )
    where = None if named else "deploy.yml image -> repository"
    name = ImageName.parse(text, where=where)
    if name.digest is not None:
        raise ImageError(
            f"{text} has a digest, which is what an image has, not where it goes.",
            code="TOC-IMAGE-040",
            where=where,
            fix=f"leave it out: {name.host}/{name.repository}.",
        )
    return name


def _mount_from(made: MadeImage, name: ImageName) -> str | None:
    """The base's repository, where it is in the same registry."""
    bare = made.image.base.partition("@")[0]
    if bare.startswith(("oci:", "docker-archive:")):
        return None
    base = ImageName.parse(bare)
    return base.repository if base.host == name.host and base.repository != name.repository else None
