"""Strict JSON and the detections in it: for `samples` (expected ones) and `answers` (answered ones)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from toc_build.runtime import Detection


def parse_json(text: str) -> object:
    """The document in `text`, by the JSON standard: NaN and Infinity are refused.

    Raises:
        json.JSONDecodeError: the text is not JSON; tells where.
        ValueError: NaN, Infinity, a number of absurd length, or nesting too deep to read.
    """
    try:
        document: object = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return document


def detection_of(entry: Mapping[str, object]) -> Detection:
    """The detection that a JSON object describes; `check_detections` must have passed it."""
    score = entry.get("score")
    return Detection(
        xmin=_number(entry["xmin"]),
        xmax=_number(entry["xmax"]),
        ymin=_number(entry["ymin"]),
        ymax=_number(entry["ymax"]),
        label=str(entry["label"]),
        score=None if score is None else _number(score),
    )


def _number(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
