"""What Azure needs to know of a bundle: its artifacts' digest, its entry script, its environment.

Read from the bundle's own files, so that a bundle of last year deploys as it did then.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toc_build.errors import TargetError
from toc_build.targets.protocol import DeployableBundle

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Contents:
    """One bundle, as Azure sees it.

    Attributes:
        root: the bundle's folder.
        digest: of the whole.
        artifacts: digest of the model folder alone: the same for two bundles that differ in code only.
        artifact_count: how many files are in it.
        entry_script: relative to `code/`.
        lock: the text of `requirements.lock`.
        conda: the text of a conda environment whose pip section is the lock: exact versions, with hashes.
        packages: names of the packages in it, in lower case.
    """

    root: Path
    digest: str
    artifacts: str
    artifact_count: int
    entry_script: str
    lock: str
    conda: str
    packages: frozenset[str]


def read_contents(bundle: DeployableBundle) -> Contents:
    """Looks into a bundle.

    Raises:
        TargetError: it has no lock, or it cannot be read.
    """
    root = bundle.root
    manifest = _manifest(root)
    try:
        entries = sorted(_model_files(root, manifest))
        lock = (root / "environment" / "requirements.lock").read_text(encoding="utf-8")
        conda = (root / "environment" / "conda.yml").read_text(encoding="utf-8")
    except OSError as error:
        raise TargetError(
            f"the bundle cannot be read: {error.strerror}.",
            code="TOC-AZURE-020",
            where=str(error.filename),
            fix="run `toc-build test`, which assembles it anew.",
        ) from None
    lines = "".join(f"{path}\0{sha256}\n" for path, sha256 in entries)
    requirements = lock_lines(lock)
    return Contents(
        root=root,
        digest=bundle.digest,
        artifacts="sha256:" + hashlib.sha256(lines.encode()).hexdigest(),
        artifact_count=len(entries),
        entry_script=str(manifest.get("entry_script", "score.py")),
        lock=lock,
        conda=_conda_text(conda, requirements),
        packages=frozenset(re.split(r"[=<>!~;\[ @]", line, maxsplit=1)[0].lower() for line in requirements),
    )


def lock_lines(lock: str) -> list[str]:
    """The requirements of a lock, each on one line with its hashes, without comments."""
    joined = re.sub(r"\\\s*\n", " ", lock)
    lines = (re.sub(r"\s+", " ", line.split(" #", 1)[0]).strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _manifest(root: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a bundle made by hand
    return value


def _model_files(root: Path, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in manifest.get("files", ()):
        if entry["path"].startswith("model/"):
            yield entry["path"], entry["sha256"]
    if not manifest:
        for path in (root / "model").rglob("*"):
            if path.is_file():
                yield path.relative_to(root).as_posix(), _sha256(path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _conda_text(conda: str, requirements: list[str]) -> str:
    """The user's conda file with its pip section made exact; conda's own packages stay as they are."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    written = yaml.load(conda) or {}
    own = [item for item in written.get("dependencies", ()) if isinstance(item, str)]
    if not any(re.match(r"pip\b", item) for item in own):
        own.append("pip")
    made = {
        "name": written.get("name", "scoring"),
        "channels": written.get("channels") or ["conda-forge"],
        "dependencies": [*own, {"pip": requirements}],
    }
    yaml.width = 1 << 20  # a requirement with its hashes is one line
    yaml.default_flow_style = False
    stream = io.StringIO()
    yaml.dump(made, stream)
    return stream.getvalue()
