"""`toc-build image`: push, tag, list, explain, sign and verify images."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from toc_build.cli.options import HERE, JsonOption, RepositoryOption

app = typer.Typer(
    help="Push, tag, list, explain, sign and verify images.", no_args_is_help=True, rich_markup_mode=None
)

TagsOption = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag for the image; may be given again.")
]
NameArgument = Annotated[
    str, typer.Argument(metavar="IMAGE", help="REGISTRY/PATH@sha256:..., or REGISTRY/PATH:TAG.")
]


@app.command("push")
def push_command(
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="[REGISTRY/PATH[:TAG]]", help="Where to; image -> repository of deploy.yml by default."
        ),
    ] = None,
    repository: RepositoryOption = HERE,
    tag: TagsOption = None,
    key: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY", help="Sign it with this private key of cosign's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build the image if need be and send it to a registry: only what is not there, and its SBOM.

    Whoever `docker login`, `podman login`, `az acr login` or `az login` made you is who you are.
    """
    from toc_build.console import Console
    from toc_build.deployment.image import make_image
    from toc_build.deployment.push import push_image, target_name
    from toc_build.image.registry import ImageName
    from toc_build.repository import load

    console = Console()
    config = load(repository).config
    name = target_name(to or config.image.repository, config.service.name, named=to is not None)
    for text in tag or ():
        ImageName.parse(f"{name.host}/{name.repository}:{text}")
    password = None
    if key is not None:
        from toc_build.image.signing import ready

        ready(f"{name} cannot be signed", key)
        password = ask_password(key)
    made = make_image(repository, console=console)
    result = push_image(made, name, tags=tuple(tag or ()), console=console)
    pushed = result.pushed
    if key is not None:
        from toc_build.image.signing import sign

        with console.step("sign"):
            sign(pushed.name, key, password=password)
    if as_json:
        console.json(
            {
                "image": str(pushed.name),
                "tags": list(result.tags),
                "sent_bytes": pushed.sent,
                "present_bytes": pushed.there,
                "blobs": [
                    {"digest": digest, "size": size, "sent": sent} for digest, size, sent in pushed.blobs
                ],
                "sbom": result.sbom,
            }
        )
        return
    console.say(str(pushed.name), style="bold green")
    console.note(
        f"sent {_size(pushed.sent)}; {_size(pushed.there)} were there; tags: {', '.join(result.tags)}"
    )


@app.command("tag")
def tag_command(
    image: NameArgument,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="What else to call it.")],
) -> None:
    """Give an image of a registry more tags; nothing is sent but its manifest."""
    from toc_build.console import Console
    from toc_build.image.registry import ImageName, retag
    from toc_build.image.registry.client import Connection

    name = ImageName.parse(image)
    for text in tags:
        ImageName.parse(f"{name.host}/{name.repository}:{text}")
    with Connection(name, push=True) as line:
        digest = retag(line, name.reference, tuple(tags))
    Console().say(f"{name.with_digest(digest)} is {', '.join(tags)}")


@app.command("sbom")
def sbom_command(
    image: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE]", help="In a registry; the model repository's own when left out."),
    ] = None,
    repository: RepositoryOption = HERE,
) -> None:
    """Print what is in an image, as CycloneDX: Python packages, packages of the system, the model."""
    from toc_build.console import Console
    from toc_build.deployment.image import make_image
    from toc_build.deployment.push import fetch_sbom

    if image is not None:
        typer.echo(fetch_sbom(image).decode(), nl=False)
        return
    from toc_build.image.sbom import image_sbom
    from toc_build.image.store import ImageStore

    made = make_image(repository, console=Console())
    document = image_sbom(made.image, made.bundle, service=made.settings.service, store=ImageStore())
    typer.echo(document.decode(), nl=False)


@app.command("why")
def why_command(
    repository: RepositoryOption = HERE,
    most: Annotated[int, typer.Option(min=1, metavar="N", help="How many packages to show.")] = 12,
    as_json: JsonOption = False,
) -> None:
    """Show what takes the space in the image, per layer and package, and what would shrink it."""
    from dataclasses import asdict

    from toc_build.console import Console
    from toc_build.deployment.image import make_image
    from toc_build.image.store import ImageStore
    from toc_build.image.why import why

    console = Console()
    made = make_image(repository, console=console)
    found = why(made.image, made.bundle, made.settings, ImageStore())
    if as_json:
        console.json({"digest": made.image.digest, **asdict(found)})
        return
    console.say(f"{'layer':<24}{'MB':>8}{'MB sent':>10}")
    for layer in found.layers:
        console.say(f"{layer.name:<24}{_mb(layer.unpacked):>8}{_mb(layer.packed):>10}")
    console.say(f"{'in all':<24}{_mb(made.image.size):>8}{_mb(made.image.compressed_size):>10}")
    for title, items in (
        ("Python packages", found.packages),
        ("model files", found.models),
        ("left out already", found.pruned),
    ):
        if items:
            console.say(f"\n{title}")
        for name, size in items[:most]:
            console.say(f"  {name:<62.62}{_mb(size):>8}")
        rest = items[most:]
        if rest:
            console.say(f"  {f'{len(rest)} more':<62}{_mb(sum(size for _, size in rest)):>8}")
    if found.advice:
        console.say("\nwhat would shrink it")
    for advice in found.advice:
        console.say(f"  {advice.what}" + (f": about {_mb(advice.saves)} MB" if advice.saves else ""))


@app.command("sign")
def sign_command(
    image: NameArgument,
    key: Annotated[Path, typer.Option("--key", metavar="KEY", help="The private key: cosign.key.")],
) -> None:
    """Sign an image in a registry with cosign. COSIGN_PASSWORD: the key's password."""
    from toc_build.console import Console
    from toc_build.image.registry import ImageName
    from toc_build.image.signing import sign

    name = ImageName.parse(image)
    sign(name, key, password=ask_password(key))
    Console().say(f"signed: {image}")


@app.command("verify")
def verify_command(
    image: NameArgument,
    key: Annotated[Path, typer.Option("--key", metavar="KEY", help="The public key: cosign.pub.")],
) -> None:
    """Check with cosign that an image in a registry is signed; run before a deploy, it stops what is not."""
    from toc_build.console import Console
    from toc_build.image.registry import ImageName
    from toc_build.image.signing import verify

    verify(ImageName.parse(image), key)
    Console().say(f"the signature holds: {image}")


def ask_password(key: Path) -> str | None:
    """A private key's password, asked for where somebody sits and COSIGN_PASSWORD does not say it."""
    if "COSIGN_PASSWORD" in os.environ or not key.is_file() or not sys.stdin.isatty():
        return None
    return str(typer.prompt(f"password of {key}", hide_input=True, default="", show_default=False, err=True))


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 1_000_000 else f"{size / 1e6:.1f} MB"
