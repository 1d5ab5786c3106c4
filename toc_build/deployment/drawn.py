"""Writes images with their detections drawn on them, for `toc-build score --draw` and the demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toc_build.errors import ScoreError
from toc_build.runtime import Detection, UnreadableImage, open_image

MAX_PIXELS = 2**30  # as many as OpenCV itself decodes: the user's own picture is no attack


def drawing_paths(images: Sequence[Path], draw: Path | None) -> dict[Path, Path]:
    """Where the drawing of each image goes.

    Args:
        images: the posted files.
        draw: a file for one image; a folder for several, or with a trailing separator, or when it is a
            folder already.

    Raises:
        ScoreError: several images and `draw` is a file, or a name that says an image format; or a drawing
            would take the place of a posted file.
    """
    places = _places(images, draw) if draw is not None else {}
    posted = {image.resolve() for image in images}
    for place in places.values():
        if place.resolve() in posted:
            raise ScoreError(
                f"the drawing would overwrite the picture itself, {place}.",
                code="TOC-SCORE-013",
                where=str(place),
                fix="give --draw another folder or another name.",
            )
    return places


def _places(images: Sequence[Path], draw: Path) -> dict[Path, Path]:
    if len(images) == 1 and not draw.is_dir() and draw.suffix:
        return {images[0]: draw}
    if draw.is_file() or draw.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"}:
        raise ScoreError(
            f"{len(images)} images cannot be drawn into one file, {draw}.",
            code="TOC-SCORE-009",
            fix="give --draw a folder.",
        )
    places: dict[Path, Path] = {}
    for image in images:
        place = draw / f"{image.stem}.png"
        number = 2
        while place in places.values():  # two images of one name out of two folders
            place = draw / f"{image.stem}-{number}.png"
            number += 1
        places[image] = place
    return places


def write_drawing(image: bytes, detections: Sequence[Detection], place: Path) -> None:
    """Draws `detections` on the posted image and writes it to `place`, in the format that its suffix says.

    Raises:
        ScoreError: the image cannot be read here, or `place` cannot be written.
    """
    import cv2

    from toc_build.drawing import draw_detections

    try:
        pixels = open_image(image, max_pixels=MAX_PIXELS).bgr
    except UnreadableImage as error:
        raise ScoreError(f"the image cannot be drawn on: {error}", code="TOC-SCORE-010") from None
    try:
        done, encoded = cv2.imencode(place.suffix, draw_detections(pixels, detections))
    except cv2.error:
        done = False
    if not done:
        raise ScoreError(
            f"no drawing can be written as {place.name}.",
            code="TOC-SCORE-012",
            fix="give a name that ends in .png or .jpg.",
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded.tobytes())
    except OSError as error:
        raise ScoreError(
            f"{place} cannot be written: {error.strerror}.", code="TOC-SCORE-011", where=str(place)
        ) from None
