"""A detection, and the rules that every list of detections must keep.

The request handler checks a detector's answer with them before it leaves; the contract checks what came over
HTTP. Standard library only, so that importing it costs nothing.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

COORDINATES = ("xmin", "xmax", "ymin", "ymax")
KEYS = (*COORDINATES, "label", "score")


@dataclass(frozen=True)
class Detection:
    """One detected object.

    Attributes:
        xmin: left edge of the box, in pixels of the posted image as displayed (EXIF orientation applied).
        xmax: right edge; greater than `xmin`.
        ymin: upper edge; y grows downwards.
        ymax: lower edge; greater than `ymin`.
        label: one of the labels declared in `deploy.yml`.
        score: the detector's confidence in [0, 1]; None where it has none.
    """

    xmin: float
    xmax: float
    ymin: float
    ymax: float
    label: str
    score: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The detection as JSON holds it: plain numbers in a fixed key order, `score` left out when None."""
        fields = {key: plain(getattr(self, key)) for key in KEYS}
        if fields["score"] is None:
            del fields["score"]
        return fields


@dataclass(frozen=True)
class Violation:
    """One broken rule.

    Attributes:
        rule: the rule's name, such as `detection.inside`.
        message: what is wrong, with the numbers.
        detection: index in the list, or None when the whole answer is meant.
    """

    rule: str
    message: str
    detection: int | None = None

    def __str__(self) -> str:
        where = "" if self.detection is None else f"detection {self.detection}: "
        return f"{where}{self.message} ({self.rule})"


def plain(value: Any) -> Any:
    """`value` with a numpy (or torch) scalar turned into the plain Python value that JSON can hold."""
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        return value.item()
    return value


def check_detections(
    answer: object, *, width: int, height: int, labels: Collection[str] | None
) -> list[Violation]:
    """Every rule that `answer` breaks, in the order of its detections; an empty list when it keeps them all.

    The rules: `answer.list` (a list), `detection.object` (of objects), `detection.keys` (xmin, xmax, ymin,
    ymax and label, optionally score, nothing else), `detection.number` (numbers, not strings, booleans or
    null), `detection.finite`, `detection.corners` (xmin < xmax, ymin < ymax), `detection.inside` (0 <= x <=
    width, 0 <= y <= height, without tolerance), `detection.pixels` (not all boxes within 0..1),
    `detection.label` (a declared label), `detection.score` (in [0, 1]).

    Args:
        answer: decoded JSON, or a list of `Detection`.
        width: of the image as displayed, in pixels.
        height: of the image as displayed, in pixels.
        labels: the declared labels; None allows any non-empty text.
    """
    if not isinstance(answer, (list, tuple)):
        return [Violation("answer.list", _not_a_list(answer))]
    violations: list[Violation] = []
    boxes: list[tuple[Any, ...]] = []
    for index, item in enumerate(answer):
        found, box = _check_one(item, width, height, labels)
        violations += [Violation(rule, message, index) for rule, message in found]
        if box is not None:
            boxes.append(box)
    normalised = boxes and all(-1 <= value <= 1 for box in boxes for value in box)
    if normalised and width > 2 and height > 2:
        message = (
            f"no coordinate is above 1 on an image of {width} x {height} px, so the boxes look normalised: "
            f"give pixels (x times {width}, y times {height})"
        )
        violations.append(Violation("detection.pixels", message))
    return violations


def _not_a_list(answer: object) -> str:
    if isinstance(answer, Mapping):
        keys = ", ".join(sorted(_shown(key) for key in answer)[:6]) or "none"
        return f"the answer is an object with the keys {keys}; a list of detections is wanted"
    if isinstance(answer, str) and answer.lstrip()[:1] in ("[", "{"):
        return (
            "the answer is a string that holds JSON, so it was encoded twice; a list of detections is wanted"
        )
    return f"the answer is {_kind(answer)}; a list of detections is wanted"


def _check_one(
    item: object, width: int, height: int, labels: Collection[str] | None
) -> tuple[list[tuple[str, str]], tuple[Any, ...] | None]:
    """The broken rules of one detection, and its box when all four coordinates are finite numbers."""
    fields: Mapping[Any, Any]
    if isinstance(item, Detection):
        fields = item.as_dict()
    elif isinstance(item, Mapping):
        fields = item
    else:
        wanted = "an object with xmin, xmax, ymin, ymax, label is wanted"
        return [("detection.object", f"it is {_kind(item)}; {wanted}")], None
    found = _check_keys(fields)
    numbers: dict[str, Any] = {}
    for key in (*COORDINATES, "score"):
        if key not in fields:
            continue
        value = plain(fields[key])
        if isinstance(value, bool) or not isinstance(value, Real):
            hint = "; leave the key out when there is none" if key == "score" and value is None else ""
            shown = "" if value is None else f" ({_shown(value)})"
            found.append(("detection.number", f"{key} is {_kind(value)}{shown}, not a number{hint}"))
        elif not isinstance(value, Integral) and not math.isfinite(value):
            found.append(("detection.finite", f"{key} is {_shown(value)}"))
        else:
            numbers[key] = value
    found += _check_box(numbers, width, height)
    if "label" in fields:
        found += _check_label(plain(fields["label"]), labels)
    score = numbers.get("score")
    if score is not None and not 0 <= score <= 1:
        found.append(("detection.score", f"score {_shown(score)} is outside 0..1"))
    complete = all(key in numbers for key in COORDINATES)
    return found, tuple(numbers[key] for key in COORDINATES) if complete else None


def _check_keys(fields: Mapping[Any, Any]) -> list[tuple[str, str]]:
    found = []
    missing = [key for key in (*COORDINATES, "label") if key not in fields]
    unknown = sorted(_shown(key) for key in fields if key not in KEYS)
    if missing:
        found.append(
            ("detection.keys", f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        )
    if unknown:
        allowed = "xmin, xmax, ymin, ymax, label and, if wanted, score"
        found.append(("detection.keys", f"unknown key {', '.join(unknown[:6])}; a detection has {allowed}"))
    return found


def _check_box(numbers: Mapping[str, Any], width: int, height: int) -> list[tuple[str, str]]:
    found = []
    for low, high in (("xmin", "xmax"), ("ymin", "ymax")):
        if low in numbers and high in numbers and not numbers[low] < numbers[high]:
            message = f"{low} {_shown(numbers[low])} is not less than {high} {_shown(numbers[high])}"
            found.append(("detection.corners", message))
    for key in COORDINATES:
        if key not in numbers:
            continue
        value = numbers[key]
        limit, side = (width, "wide") if key[0] == "x" else (height, "high")
        if not 0 <= value <= limit:
            hint = "; clip_boxes trims it" if -1 < value < limit + 1 else ""
            message = f"{key} {_shown(value)} is outside the image, which is {limit} px {side}{hint}"
            found.append(("detection.inside", message))
    return found


def _check_label(label: object, labels: Collection[str] | None) -> list[tuple[str, str]]:
    if not isinstance(label, str):
        return [("detection.label", f"label is {_kind(label)} ({_shown(label)}), not text")]
    if labels is None:
        if not label:
            return [("detection.label", "label is empty")]
        if any("\ud800" <= letter <= "\udfff" for letter in label):
            return [("detection.label", f"label {_shown(label)} is not valid Unicode")]
        return []
    if label in labels:
        return []
    declared = ", ".join(sorted(labels)[:12]) or "none"
    if len(labels) > 12:
        declared += f" and {len(labels) - 12} more"
    close = difflib.get_close_matches(label[:100], labels, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return [("detection.label", f"label {_shown(label)} is not declared (declared: {declared}){hint}")]


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (str, "a string"),
        (Real, "a number"),
        (Mapping, "an object"),
        (list, "a list"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), f"a {type(value).__name__}")


def _shown(value: object) -> str:
    """`value` for a message: one line, never long, never a failure."""
    try:
        text = ascii(value)
    except Exception:  # noqa: BLE001 - a foreign __repr__, or an integer of thousands of digits
        return f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."
