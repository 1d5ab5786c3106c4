"""From a model repository to its image: lock, bundle, base, image. `toc-build build` and `image` call it.

The scoring environment of this machine is not needed for it, and not built.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from toc_build.bundle import Bundle, assemble
from toc_build.console import Console
from toc_build.environment import check_lock, lock
from toc_build.image import BuiltImage, ImageSettings, build_image
from toc_build.repository import Repository, load
from toc_build.repository.editing import set_text


@dataclass(frozen=True)
class MadeImage:
    """A model repository with its bundle and its image."""

    repository: Repository
    bundle: Bundle
    settings: ImageSettings
    image: BuiltImage


def make_image(
    folder: Path,
    *,
    console: Console,
    platform: str | None = None,
    update_base: bool = False,
    revision: str | None = None,
) -> MadeImage:
    """Builds the image of a model repository.

    The base is pinned by its digest in `deploy.yml` when it is not yet.

    Args:
        folder: the model repository.
        console: draws the steps.
        platform: instead of that of `deploy.yml`.
        update_base: take the base anew by its tag or path, and pin what is found.
        revision: the source revision for the labels, instead of git's.

    Raises:
        UserError: whatever stands in the way; no image is left half-made.
    """
    repository, bundle, settings = prepare_image(folder, console, platform, update_base, revision)
    with console.step("image") as update:
        image = build_image(bundle, settings=settings, progress=update)
    return MadeImage(repository, bundle, settings, image)


def write_context(
    folder: Path,
    context: Path,
    *,
    console: Console,
    platform: str | None = None,
    update_base: bool = False,
    revision: str | None = None,
) -> Path:
    """Writes a Dockerfile and all it needs, instead of building.

    Args:
        folder: the model repository.
        context: the folder to write, which must not exist.
        console: draws the steps.
        platform: see `make_image`.
        update_base: see `make_image`.
        revision: see `make_image`.

    Returns:
        The context, absolute.

    Raises:
        UserError: whatever stands in the way; nothing is left half-written.
    """
    from toc_build.image.base import open_base
    from toc_build.image.dockerfile import write_context as write
    from toc_build.image.store import ImageStore

    _, bundle, settings = prepare_image(folder, console, platform, update_base, revision)
    with console.step("build context") as update:
        base = open_base(settings.base, platform=settings.platform, store=ImageStore(), tell=update)
        write(bundle, settings, base, context.absolute())
    return context.absolute()


def prepare_image(
    folder: Path,
    console: Console,
    platform: str | None = None,
    update_base: bool = False,
    revision: str | None = None,
) -> tuple[Repository, Bundle, ImageSettings]:
    """Lock, bundle, and settings with a base that is pinned in `deploy.yml`.

    Raises:
        UserError: whatever stands in the way.
    """
    repository = load(folder)
    if not repository.lock_path.exists():
        with console.step("lock (there is no requirements.lock yet)") as update:
            lock(repository, progress=update)
    check_lock(repository)
    bundle = assemble(repository)
    settings = _settings(repository, platform, revision)
    if update_base or "@" not in settings.base:
        repository = _pin(repository, settings, console)
        settings = _settings(repository, platform, revision)
    return repository, bundle, settings


def _settings(repository: Repository, platform: str | None, revision: str | None) -> ImageSettings:
    settings = ImageSettings.of(repository)
    return replace(settings, platform=platform or settings.platform, revision=revision or settings.revision)


def _pin(repository: Repository, settings: ImageSettings, console: Console) -> Repository:
    """Writes the digest of the base that is found now into `deploy.yml`."""
    from toc_build.image.base import open_base
    from toc_build.image.store import ImageStore

    bare = settings.base.partition("@")[0]
    with console.step(f"base image {bare}") as update:
        base = open_base(bare, platform=settings.platform, store=ImageStore(), tell=update)
    named = (repository.config.image.base or bare).partition("@")[0]
    set_text(repository.deploy_path, "image", "base", f"{named}@{base.digest}")
    console.note(f"pinned in deploy.yml: image -> base -> {named}@{base.digest[:19]}...")
    return load(repository.root)
