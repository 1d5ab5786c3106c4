"""The samples of a model repository: pictures and the detections expected in them, read and checked.

`toc-build test` loads them for `run_contract`; `repository` may load them to check the folder offline.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toc_build.contract.documents import detection_of, parse_json
from toc_build.errors import Problem, RepositoryError
from toc_build.runtime import Detection, UnreadableImage, check_detections, read_header

#: What an image file in `samples/` may be called.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")

_CODES = {"detection.inside": "TOC-TEST-008", "detection.label": "TOC-TEST-009"}
_FORMAT = "JPEG, PNG, WebP, TIFF or BMP"
_EXPECTED_FORM = (
    'write a JSON list such as [{"xmin": 10, "xmax": 40, "ymin": 20, "ymax": 80, "label": "bottle", '
    '"score": 0.9}]; '
    "score may be left out"
)


@dataclass(frozen=True)
class Sample:
    """A picture with, where a person wrote them down, its expected detections.

    Attributes:
        name: the image file's name without suffix.
        path: the image file, as it is posted.
        width: in pixels, as displayed (EXIF orientation applied).
        height: in pixels, as displayed.
        expected: what a scorer should answer, boxes in pixels; None when no `<name>.json` lies beside the
            image.
    """

    name: str
    path: Path
    width: int
    height: int
    expected: tuple[Detection, ...] | None = None

    def read(self) -> bytes:
        """The image file's bytes."""
        return self.path.read_bytes()


def load_samples(folder: Path, *, labels: Sequence[str] | None = None) -> list[Sample]:
    """Read every sample in `folder`, in the order of their names; an empty or missing folder has none.

    Args:
        folder: holds images (`IMAGE_SUFFIXES`) and `<stem>.json` beside them; other files and hidden files
            are left alone.
        labels: the declared labels; None leaves labels unchecked.

    Raises:
        RepositoryError: something is wrong with one or more files (codes TOC-TEST-001 to TOC-TEST-010), all
            told at once.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise RepositoryError(
            "samples are read from a folder, and this is a file",
            code="TOC-TEST-001",
            where=str(folder),
            fix="make samples -> path in deploy.yml the name of a folder",
        )
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    images: dict[str, Path] = {}
    problems: list[Problem] = []
    samples: list[Sample] = []
    for path in files:
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.stem in images:
            both = f"{images[path.stem].name} and {path.name}"
            what = f"{both} share the name {path.stem!r}, so {path.stem}.json is ambiguous"
            problems.append(Problem("TOC-TEST-003", what, _where(path), "rename one of them"))
            continue
        images[path.stem] = path
        try:
            samples.append(_load(path, labels))
        except RepositoryError as error:
            problems.extend(error.problems)
    for path in files:
        if path.suffix.lower() == ".json" and path.stem not in images:
            what = f"no image beside it is called {path.stem}"
            fix = f"add {path.stem}.jpg (or {', '.join(IMAGE_SUFFIXES[2:])}), or remove {path.name}"
            problems.append(Problem("TOC-TEST-002", what, _where(path), fix))
    if problems:
        raise RepositoryError.collect(problems)
    return samples


def _load(path: Path, labels: Sequence[str] | None) -> Sample:
    data = _read(path)
    try:
        header = read_header(data)
    except UnreadableImage as error:
        what = f"this is no image a scorer reads ({error})"
        raise RepositoryError(
            what, code="TOC-TEST-004", where=_where(path), fix=f"replace it by a {_FORMAT} file"
        ) from None
    if header.refused:
        raise RepositoryError(
            f"this image cannot be decoded: {header.refused}",
            code="TOC-TEST-004",
            where=_where(path),
            fix=f"replace it by a plain {_FORMAT} file",
        )
    if not header.complete:
        raise RepositoryError(
            f"the {header.format} file ends too early: it is truncated",
            code="TOC-TEST-005",
            where=_where(path),
            fix="copy it again; with git LFS, run `git lfs pull`",
        )
    expected_path = path.with_suffix(".json")
    expected: tuple[Detection, ...] | None = None
    if expected_path.exists():
        expected = _expected(expected_path, header.width, header.height, labels)
    return Sample(path.stem, path, header.width, header.height, expected)


def _expected(path: Path, width: int, height: int, labels: Sequence[str] | None) -> tuple[Detection, ...]:
    try:
        document = parse_json(_read(path).decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise RepositoryError(
            f"this is not JSON: {error.msg}",
            code="TOC-TEST-006",
            where=f"{_where(path)}:{error.lineno}",
            fix=_EXPECTED_FORM,
        ) from None
    except ValueError as error:
        raise RepositoryError(
            f"this is not JSON: {error}", code="TOC-TEST-006", where=_where(path), fix=_EXPECTED_FORM
        ) from None
    problems = list(_broken(document, path, width, height, labels))
    if problems:
        raise RepositoryError.collect(problems)
    assert isinstance(document, list)  # noqa: S101 - check_detections saw to it
    return tuple(detection_of(entry) for entry in document)


def _broken(
    document: object, path: Path, width: int, height: int, labels: Sequence[str] | None
) -> Iterator[Problem]:
    for violation in check_detections(document, width=width, height=height, labels=labels):
        place = _where(path) if violation.detection is None else f"{_where(path)} [{violation.detection}]"
        fix = _EXPECTED_FORM
        if violation.rule == "detection.label":
            fix = f"use one of {', '.join(labels or ())}, or declare it in deploy.yml (model -> labels)"
        elif violation.rule == "detection.inside":
            fix = f"the image is {width} x {height} pixels as displayed; correct the box, or the image"
        yield Problem(_CODES.get(violation.rule, "TOC-TEST-007"), violation.message, place, fix)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RepositoryError(
            f"the file cannot be read: {error.strerror}",
            code="TOC-TEST-010",
            where=_where(path),
            fix="make it readable for you",
        ) from None


def _where(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
