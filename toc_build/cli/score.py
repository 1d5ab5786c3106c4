"""`toc-build score`: posts images to a running scorer, prints the detections, draws them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from toc_build.cli.options import HERE, RepositoryOption, TargetOption


def score(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Image files to post.", show_default=False)
    ],
    repository: RepositoryOption = HERE,
    target: TargetOption = "local",
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The scoring URI; by default that of the service deployed from this repository.",
        ),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Draw the boxes: a file for one image, a folder for several.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds to wait for each answer.")
    ] = 60.0,
) -> None:
    """Post images to a scorer and print the detections as JSON.

    One image gives its list, several an object of lists by file name. With --url a key or token is taken from
    TOC_SCORING_KEY; a service of --target is asked for its own.
    """
    from toc_build.console import Console
    from toc_build.deployment.drawn import drawing_paths, write_drawing
    from toc_build.deployment.scoring_client import image_bytes
    from toc_build.deployment.scoring_client import score as ask

    console = Console()
    uri, headers = (url, None) if url else _deployed(repository, target)
    places = drawing_paths(images, draw)
    answers: dict[str, list[dict[str, object]]] = {}
    for image in images:
        body = image_bytes(image)
        detections = ask(uri, body, headers=headers, timeout=timeout)
        answers[str(image)] = [detection.as_dict() for detection in detections]
        if image in places:
            write_drawing(body, detections, places[image])
            console.note(f"drawn: {places[image]}")
    typer.echo(_as_text(answers[str(images[0])]) if len(images) == 1 else _as_text_by_image(answers))


def _as_text(detections: list[dict[str, object]], indent: str = "") -> str:
    """JSON with a detection a line, for people and for `jq` alike."""
    lines = [f"{indent}  {json.dumps(detection, ensure_ascii=False)}" for detection in detections]
    return "[\n" + ",\n".join(lines) + f"\n{indent}]" if lines else "[]"


def _as_text_by_image(answers: dict[str, list[dict[str, object]]]) -> str:
    entries = [f"  {json.dumps(name)}: {_as_text(found, '  ')}" for name, found in answers.items()]
    return "{\n" + ",\n".join(entries) + "\n}"


def _deployed(repository: Path, target: str) -> tuple[str, dict[str, str] | None]:
    """Where the deployed service is posted images, and with what."""
    from toc_build.deployment import open_service

    service = open_service(repository, target)
    return service.scoring_uri, service.headers() or None


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(score)
