"""`toc-build build`: the bundle as a container image, without a container engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption

if TYPE_CHECKING:
    from toc_build.console import Console
    from toc_build.deployment.image import MadeImage

PlatformOption = Annotated[
    str | None,
    typer.Option(
        "--platform", metavar="OS/ARCH", help="linux/amd64 or linux/arm64, instead of deploy.yml's."
    ),
]
UpdateBaseOption = Annotated[
    bool, typer.Option("--update-base", help="Take what the base's name stands for now, and pin it.")
]


def build(
    repository: RepositoryOption = HERE,
    oci: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write the image there as an OCI layout.")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write it there for `docker load` and `podman load`."),
    ] = None,
    load: Annotated[bool, typer.Option("--load", help="Also put it into the container engine.")] = False,
    dockerfile: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Instead of building, write a Dockerfile with all it needs."),
    ] = None,
    platform: PlatformOption = None,
    update_base: UpdateBaseOption = False,
    revision: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The source revision for the labels, instead of git's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build the container image of the model repository; no container engine is needed.

    The same bundle on the same base gives the same digest, wherever and whenever it is built.
    """
    from toc_build.console import Console
    from toc_build.deployment.image import make_image, write_context

    console = Console()
    check_platform(platform)
    if dockerfile is not None:
        written = write_context(
            repository,
            dockerfile,
            console=console,
            platform=platform,
            update_base=update_base,
            revision=revision,
        )
        if as_json:
            console.json({"context": str(written)})
        else:
            console.say(f"a build context is in {written}")
            console.note(f"build it:   DOCKER_BUILDKIT=1 docker build --tag NAME {written}")
            console.note("behind a company's certificates: add --secret id=ca,src=CERTIFICATES.pem")
        return
    _check_outputs(oci, archive, load)
    made = make_image(
        repository, console=console, platform=platform, update_base=update_base, revision=revision
    )
    if oci is not None or archive is not None:
        _write(made, oci, archive)
    if load:
        _load(made, console)
    if as_json:
        console.json(image_as_json(made))
        return
    image = made.image
    console.say(f"{made.settings.service}@{image.digest}", style="bold green")
    console.note(
        f"{image.size / 1e6:.0f} MB unpacked, {image.compressed_size / 1e6:.0f} MB in a registry; "
        f"bundle {made.bundle.digest}"
    )
    for place in filter(None, (oci, archive)):
        console.note(f"written: {place}")
    if load:
        console.note(f"loaded:  {image.reference_name}")
    console.note("next:    toc-build image push   toc-build image why   toc-build image sbom")


def image_as_json(made: MadeImage) -> dict[str, Any]:
    """An image for a script."""
    image = made.image
    return {
        "digest": image.digest,
        "config_digest": image.config_digest,
        "name": image.reference_name,
        "layout": str(image.layout),
        "platform": made.settings.platform,
        "base": image.base,
        "bundle": made.bundle.digest,
        "size_bytes": image.size,
        "compressed_bytes": image.compressed_size,
        "layers": [layer.to_json() for layer in image.layers],
    }


def check_platform(platform: str | None) -> None:
    """Refuses a platform that no image is built for.

    Raises:
        ImageError: it is not one of the two.
    """
    from toc_build.errors import ImageError

    if platform not in {None, "linux/amd64", "linux/arm64"}:
        raise ImageError(
            f"images are not built for {platform}.",
            code="TOC-IMAGE-033",
            where="--platform",
            fix="take linux/amd64 or linux/arm64.",
        )


def _check_outputs(oci: Path | None, archive: Path | None, load: bool) -> None:
    """What cannot be written to is said before anything is built."""
    from toc_build.errors import ImageError

    for place, refused in ((oci, Path.exists), (archive, Path.is_dir)):
        if place is not None and refused(place.absolute()):
            raise ImageError(
                f"{place} is there already." if place == oci else f"{place} is a folder, not a file.",
                code="TOC-IMAGE-003",
                where="--oci" if place == oci else "--archive",
                fix="delete it, or name another place." if place == oci else "name a file in it.",
            )
    if load:
        from toc_build.image.engine import Engine

        Engine.connect().close()


def _write(made: MadeImage, oci: Path | None, archive: Path | None) -> None:
    from toc_build.errors import ImageError

    try:
        if oci is not None:
            made.image.export(oci.absolute())
        if archive is not None:
            archive.absolute().parent.mkdir(parents=True, exist_ok=True)
            made.image.docker_archive(archive.absolute())
    except OSError as error:
        raise ImageError(
            f"the image cannot be written: {error.strerror or error}.",
            code="TOC-IMAGE-003",
            where=str(oci or archive),
            fix="name another place, make room, or delete what is there.",
        ) from None


def _load(made: MadeImage, console: Console) -> None:
    from toc_build.image.engine import Engine

    engine = Engine.connect()
    try:
        with console.step("load into the container engine") as update:
            engine.load(made.image, update)
    finally:
        engine.close()


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(build)
