"""Lays an uploaded scorer out as Azure does: code, driver, `azureml-models/<name>/<version>`."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from toc_build.rehearsal.domain.records import CodeAsset, Model
from toc_build.rehearsal.domain.refusals import Refusal
from toc_build.rehearsal.scorers.failures import BuildFailed

MODELS = "azureml-models"


def lay_out(
    root: Path,
    code: Iterable[CodeAsset],
    models: Iterable[Model],
    below: Callable[[str], list[str]],
    file: Callable[[str], Path],
) -> None:
    """Fills a new folder with what a scorer consists of.

    Args:
        root: the folder, Azure's `/var/azureml-app`; made here.
        code: what was uploaded for it.
        models: that it uses.
        below: gives the artifacts below a prefix.
        file: gives the file with an artifact's content.

    Raises:
        BuildFailed: something was never uploaded, or an archive cannot be unpacked.
    """
    root.mkdir(parents=True)
    try:
        for asset in code:
            content = file(asset.artifact)
            if asset.unpack:
                _unpack(content, root)
            else:
                shutil.copyfile(content, root / PurePosixPath(asset.artifact).name)
        for model in models:
            folder = root / MODELS / model.name / str(model.version)
            for prefix in model.content:
                parent = str(PurePosixPath(prefix).parent)
                for artifact in below(prefix):
                    target = folder / PurePosixPath(artifact).relative_to(parent)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file(artifact), target)
    except Refusal as refusal:
        raise BuildFailed(refusal.message) from None


def model_dir(models: list[str]) -> str:
    """`AZUREML_MODEL_DIR` for these models: below the scorer's folder, relative to it."""
    if len(models) != 1:
        return MODELS
    name, _, version = models[0].rpartition(":")
    return f"{MODELS}/{name}/{version}"


def _unpack(archive: Path, root: Path) -> None:
    try:
        with tarfile.open(archive) as content:
            if hasattr(tarfile, "data_filter"):
                content.extractall(root, filter="data")
            else:  # Pythons that lack the filter are old patch releases
                content.extractall(root, members=[m for m in content if _stays(m)])  # noqa: S202 - checked
    except (tarfile.TarError, OSError) as error:
        raise BuildFailed(f"the uploaded code cannot be unpacked: {error}") from None


def _stays(member: tarfile.TarInfo) -> bool:
    path = PurePosixPath(member.name)
    return (member.isfile() or member.isdir()) and not path.is_absolute() and ".." not in path.parts
