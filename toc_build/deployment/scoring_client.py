"""Asks a scorer for detections over HTTP, whatever runs it. Used by `Service.score` and `toc-build score`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toc_build.errors import ScoreError
from toc_build.runtime import Detection, UnreadableImage, check_detections, read_header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEY_VARIABLE = "TOC_SCORING_KEY"
Image = "str | Path | bytes | NDArray[np.uint8]"


def authorization() -> dict[str, str]:
    """The header for a scorer that asks for a key or token, which is taken from TOC_SCORING_KEY."""
    key = os.environ.get(KEY_VARIABLE)
    return {"Authorization": f"Bearer {key}"} if key else {}


def image_bytes(image: str | Path | bytes | NDArray[np.uint8]) -> bytes:
    """What is posted for `image`.

    Args:
        image: a file's path, the bytes of an image file, or an array (H x W x 3 uint8 in BGR order, or H x
            W grey), which is posted as PNG.

    Raises:
        ScoreError: the file cannot be read, or the array is no image.
    """
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | Path):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise ScoreError(
                f"{image} cannot be read: {error.strerror}.", code="TOC-SCORE-001", where=str(image)
            ) from None
    import cv2

    try:
        done, encoded = cv2.imencode(".png", image)
    except cv2.error as error:
        raise ScoreError(
            f"an array of shape {image.shape} and type {image.dtype} is no image: {error}",
            code="TOC-SCORE-002",
            fix="pass H x W x 3 uint8 in BGR order, or H x W grey.",
        ) from None
    if not done:
        raise ScoreError("the array could not be written as PNG.", code="TOC-SCORE-002")
    return encoded.tobytes()


def score(
    uri: str,
    image: str | Path | bytes | NDArray[np.uint8],
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> list[Detection]:
    """Posts one image and returns its detections.

    Args:
        uri: the scoring URI, such as `http://127.0.0.1:8890/score`.
        image: see `image_bytes`.
        headers: sent as they are; the key of `TOC_SCORING_KEY` when omitted.
        timeout: seconds to wait for the answer.

    Raises:
        ScoreError: nothing answers, the answer is an error, or it is no list of detections inside the image.
    """
    import httpx

    body = image_bytes(image)
    try:
        answer = httpx.post(
            uri,
            content=body,
            headers={"Content-Type": "application/octet-stream", **(headers or authorization())},
            timeout=timeout,
            trust_env=not uri.startswith(("http://127.", "http://localhost")),
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ScoreError(
            f"{uri} is no address: {error}",
            code="TOC-SCORE-003",
            fix="give one such as http://127.0.0.1:8890/score.",
        ) from None
    except httpx.TimeoutException:
        raise ScoreError(
            f"{uri} did not answer within {timeout:g} s.",
            code="TOC-SCORE-004",
            fix="look at `toc-build logs`.",
        ) from None
    except httpx.HTTPError as error:
        raise ScoreError(
            f"nothing answers at {uri}: {error}",
            code="TOC-SCORE-005",
            fix="deploy first (`nox -s deploy_local`), or look at `toc-build status` and `toc-build logs`.",
        ) from None
    if answer.status_code != 200:
        raise ScoreError(
            f"{uri} answered {answer.status_code}: {_reason(answer.text)}",
            code="TOC-SCORE-006",
            fix="the id, if there is one, stands beside the cause in `toc-build logs`."
            if answer.status_code >= 500
            else None,
        )
    return _detections(answer.text, body)


def _reason(text: str) -> str:
    """The message of an error answer of ours or of the server's, else the beginning of its text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text[:300].strip() or "(no text)"
    error = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(error, dict) and "message" in error:
        identity = f" (id {error['id']})" if error.get("id") else ""
        return f"{error['message']}{identity}"
    return text[:300]


def _detections(text: str, body: bytes) -> list[Detection]:
    try:
        value: Any = json.loads(text)
    except ValueError:
        raise ScoreError(f"the answer is not JSON: {text[:200]!r}", code="TOC-SCORE-007") from None
    try:
        header = read_header(body)
        width, height = header.width, header.height
    except UnreadableImage:  # the scorer took it all the same: it knows more formats than we do
        width = height = 2**31
    violations = check_detections(value, width=width, height=height, labels=None)
    if violations:
        first = violations[0]
        raise ScoreError(
            f"the answer breaks the contract ({first.rule}): {first.message}",
            code="TOC-SCORE-008",
            fix="run `nox -s test`: it says what is wrong with the scorer.",
        )
    return [
        Detection(
            xmin=item["xmin"],
            xmax=item["xmax"],
            ymin=item["ymin"],
            ymax=item["ymax"],
            label=item["label"],
            score=item.get("score"),
        )
        for item in value
    ]
