"""Finds the model's files where Azure, or the local target, put them. Called by `init()`.

Azure lays the same model out in several ways (with one model or with several, of SDK v1 or v2); a scoring
script names a file as it stands in the model repository's `model/` folder, and this finds it in any of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

MODEL_VARIABLE = "AZUREML_MODEL_DIR"
_TREE_LINES = 20
_TREE_DEPTH = 4
_LFS_START = b"version https://git-lfs"
_LFS_SIZE = 1024  # a git-LFS pointer has about 130 bytes
_LFS_LOOK = 1000  # files of an artifact that is a folder


class MissingArtifact(FileNotFoundError):  # noqa: N818 - a name of the public API
    """A model file is not there, or only its git-LFS pointer is; the message shows what is."""


def model_path(*parts: str | os.PathLike[str]) -> Path:
    """The path of a model file or folder.

    Looked for under AZUREML_MODEL_DIR, below its `model/`, and below `<name>/<version>/` and
    `<name>/<version>/model/`, in this order. Symbolic links are followed, wherever they lead.

    Args:
        parts: the path relative to the model repository's model folder; none gives the folder itself.

    Raises:
        MissingArtifact: it is nowhere there, it is in several models, or it is a git-LFS pointer.
        ValueError: the path leads out of the folder (absolute, or with `..`).
    """
    wanted = PurePath(*parts)
    if wanted.is_absolute() or wanted.drive or ".." in wanted.parts or "\0" in str(wanted):
        raise ValueError(f"model_path takes a path inside the model folder, not {str(wanted)!r}")
    named = os.environ.get(MODEL_VARIABLE)
    if not named:
        raise MissingArtifact(
            f"cannot find the model file {wanted.as_posix()!r}: {MODEL_VARIABLE} is not set. What runs "
            "the scorer sets it: run the tests with `nox -s test`, and the scorer with `nox -s serve` or "
            "`nox -s deploy_local`."
        )
    base = Path(named)
    found = _find(base, wanted) if wanted.parts else _model_folder(base)
    pointer = next(_pointers(found), None)
    if pointer is not None:
        raise MissingArtifact(
            f"{pointer} is a git-LFS pointer, not the model file itself: the repository was cloned without "
            "its large files. Run `git lfs pull` in the model repository, then start again."
        )
    return found


def _find(base: Path, wanted: PurePath) -> Path:
    for places in ((base,), (base / "model",), _versions(base)):
        found = [place / wanted for place in places if (place / wanted).exists()]
        if len(found) > 1:
            listed = "\n".join(f"  {path}" for path in found[:_TREE_LINES])
            raise MissingArtifact(
                f"the model file {wanted.as_posix()!r} is in more than one model below {MODEL_VARIABLE} "
                f"({base}):\n{listed}\nName the one that is meant, from the model's name on: "
                f"model_path({', '.join(repr(part) for part in found[0].relative_to(base).parts)})"
            )
        if found:
            return found[0]
    if not base.is_dir():
        what = "is a file" if base.exists() else "does not exist"
        raise MissingArtifact(
            f"cannot find the model file {wanted.as_posix()!r}: {MODEL_VARIABLE} is {base}, which {what}."
        )
    raise MissingArtifact(
        f"cannot find the model file {wanted.as_posix()!r} below {MODEL_VARIABLE} ({base}). There is:\n"
        f"{_tree(base)}\n"
        "Put the file into the model folder that deploy.yml names (`model: path:`), or correct the path that "
        "the scoring script gives to model_path."
    )


def _versions(base: Path) -> tuple[Path, ...]:
    """The folders in which Azure puts several models: <name>/<version>, and the registered folder in it."""
    places: list[Path] = []
    for name in _children(base):
        for version in _children(name):
            if version.name.isdigit():
                places += (version, version / "model")
    return tuple(places)


def _model_folder(base: Path) -> Path:
    if not base.is_dir():
        raise MissingArtifact(f"{MODEL_VARIABLE} is {base}, which is not a folder.")
    folder = base
    names = _children(folder)
    if len(names) == 1:
        versions = _children(names[0])
        if len(versions) == 1 and versions[0].name.isdigit():
            folder = versions[0]
    inner = _children(folder)
    if len(inner) == 1 and inner[0].name == "model" and inner[0].is_dir():
        folder = inner[0]
    return folder


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # a file, or not ours to read
        return []


def _pointers(path: Path) -> Iterator[Path]:
    """The git-LFS pointers at or below `path`."""
    below = (item for item in path.rglob("*") if item.is_file())
    files = [path] if path.is_file() else islice(below, _LFS_LOOK)
    for file in files:
        if file.stat().st_size <= _LFS_SIZE and os.access(file, os.R_OK):
            with file.open("rb") as opened:
                if opened.read(len(_LFS_START)) == _LFS_START:
                    yield file


def _tree(base: Path) -> str:
    """At most 20 lines that show what is in `base`."""
    lines = list(islice(_tree_lines(base, 1), _TREE_LINES))
    if len(lines) == _TREE_LINES:
        lines[-1] = "  ... and more"
    return "\n".join(lines) or "  nothing: the folder is empty"


def _tree_lines(folder: Path, depth: int) -> Iterator[str]:
    for path in _children(folder):
        indent = "  " * depth
        if path.is_dir():
            yield f"{indent}{path.name}/"
            if depth < _TREE_DEPTH:
                yield from _tree_lines(path, depth + 1)
        else:
            try:
                size = f"{path.stat().st_size:,} bytes"
            except OSError:
                size = "a link that leads nowhere"
            yield f"{indent}{path.name}  ({size})"
