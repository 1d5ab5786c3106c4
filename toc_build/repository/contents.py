"""Looks whether the folder holds what `deploy.yml` names: script, artifacts, samples, for `folder.load`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from toc_build.errors import Problem
from toc_build.repository.yaml_source import YamlSource

_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_MAX_BYTES = 1024
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
# What a framework's own model files end with.
_ARTIFACTS = {
    "tensorflow": ("saved_model.pb", ".keras", ".h5", ".hdf5", ".pb", ".index"),
    "litert": (".tflite",),
    "onnxruntime": (".onnx", ".ort"),
}


def folder_problems(
    root: Path, setting: Callable[[str, str], str | None], source: YamlSource, *, whole: bool
) -> Iterator[Problem]:
    """What the folder lacks of all that `deploy.yml` names.

    Args:
        root: the model repository.
        setting: gives a setting by section and key; None where it is wrong, and then nothing is looked for.
        source: `deploy.yml`, for the lines.
        whole: look at everything; otherwise only at what a lock needs.
    """
    if whole:
        if script := setting("scoring", "script"):
            yield from script_problems(root, script, source)
        if model := setting("model", "path"):
            yield from model_problems(root, model, setting("model", "framework"), source)
        if samples := setting("samples", "path"):
            yield from samples_problems(root, samples, source)
    if lock := setting("environment", "lock"):
        yield from lock_problems(root, lock, source)


def script_problems(root: Path, script: str, source: YamlSource) -> Iterator[Problem]:
    """The scoring script must be a file."""
    where = source.where("scoring", "script")
    path = root / script
    if path.is_file():
        return
    others = sorted(path.parent.glob("*.py")) if path.parent.is_dir() else []
    fix = "write it, or name it in deploy.yml: scoring -> script."
    if others:
        names = ", ".join(item.name for item in others[:8])
        fix = f"name the right one in deploy.yml: {path.parent.name}/ holds {names}."
    yield Problem("TOC-REPO-003", f"the scoring script {script} does not exist.", where, fix)


def model_problems(root: Path, model: str, framework: str | None, source: YamlSource) -> Iterator[Problem]:
    """The artifacts must be there, and be themselves rather than pointers to them."""
    where = source.where("model", "path")
    folder = root / model
    if not folder.is_dir():
        kind = "is a file, and must be a folder" if folder.exists() else "does not exist"
        yield Problem(
            "TOC-REPO-004",
            f"the folder of the model's artifacts, {model}/, {kind}.",
            where,
            f"put the artifacts into {model}/, or name their folder in deploy.yml: model -> path.",
        )
        return
    files = [
        path for path in _files(folder) if not path.name.startswith(".") and path.suffix.lower() != ".md"
    ]
    wanted = _ARTIFACTS.get(framework or "")
    if not files or (wanted and not any(path.name.lower().endswith(wanted) for path in files)):
        there = "it is empty" if not files else f"it holds {', '.join(path.name for path in files[:5])}"
        missing = f"no file of {framework}'s own ({', '.join(wanted)})" if wanted else "no artifact"
        yield Problem(
            "TOC-REPO-005",
            f"the weights are missing: {model}/ has {missing}; {there}.",
            where,
            "copy the trained model there. If git keeps it elsewhere (git-LFS, DVC, a fetch script), fetch "
            "it first.",
        )
    for path in files:
        if wanted and path.name.lower().endswith(wanted) and path.is_file() and path.stat().st_size == 0:
            what = f"the weights are missing: {path.relative_to(root).as_posix()} is empty."
            yield Problem("TOC-REPO-005", what, where, "copy it again.")
    yield from _pointers(root, files, where)


def samples_problems(root: Path, samples: str, source: YamlSource) -> Iterator[Problem]:
    """There must be at least one sample image."""
    where = source.where("samples", "path")
    folder = root / samples
    if not folder.is_dir():
        kind = "is a file, and must be a folder" if folder.exists() else "does not exist"
        yield Problem(
            "TOC-REPO-007",
            f"the folder of sample images, {samples}/, {kind}.",
            where,
            f"put at least one image into {samples}/, with <name>.json of expected detections beside it.",
        )
        return
    images = [path for path in _files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        yield Problem(
            "TOC-REPO-008",
            f"{samples}/ holds no image.",
            where,
            f"put at least one there, ending with {', '.join(IMAGE_SUFFIXES)}.",
        )
    yield from _pointers(root, images, where)


def lock_problems(root: Path, lock: str, source: YamlSource) -> Iterator[Problem]:
    """A lock that is not there yet is no problem; a folder in its place is."""
    if (root / lock).is_dir():
        yield Problem(
            "TOC-REPO-010",
            f"{lock} is a folder, and must be a file.",
            source.where("environment", "lock"),
            "remove it, or name another file in deploy.yml: environment -> lock.",
        )


def _files(folder: Path) -> list[Path]:
    return sorted(Path(here, name) for here, _, names in os.walk(folder, followlinks=False) for name in names)


def _pointers(root: Path, files: list[Path], where: str) -> Iterator[Problem]:
    """Files that git-LFS has left as pointers."""
    pointers = [path for path in files if _is_pointer(path)]
    if pointers:
        names = ", ".join(path.relative_to(root).as_posix() for path in pointers[:5])
        more = f" and {len(pointers) - 5} more" if len(pointers) > 5 else ""
        yield Problem(
            "TOC-REPO-006",
            f"{names}{more}: git-LFS pointers of some hundred bytes stand in place of the files.",
            where,
            "run `git lfs install` once and `git lfs pull` here.",
        )


def _is_pointer(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _LFS_MAX_BYTES:  # a pipe would never end
            return False
        with path.open("rb") as stream:
            return stream.read(len(_LFS)) == _LFS
    except OSError:
        return False
