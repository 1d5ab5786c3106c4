"""What `deploy.yml` and the model repository say about the image: `ImageSettings.of(repository)`.

`build` reads it; nothing in it depends on the time, the machine or the folder the repository stands in.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from toc_build.repository import Repository

DEFAULT_BASE = "docker.io/library/python:{python}-slim-bookworm"


@dataclass(frozen=True)
class ImageSettings:
    """How an image is made and how it serves.

    Attributes:
        base: where the base image comes from: a registry reference, `oci:FOLDER` or `docker-archive:FILE`,
            folders and files being absolute.
        platform: `linux/amd64` or `linux/arm64`.
        prune: whether what no scorer needs is left out.
        port: the port that the server listens on, in the image.
        workers: server processes.
        threads: requests that a worker holds at once.
        timeout_seconds: how long a request may take; also the grace period of a stop.
        readiness_seconds: how long `init()` may take.
        service: the service's name, the title of the image.
        description: what the service does, or None.
        repository_name: where the image is pushed, without a tag, or None.
        revision: the commit that last changed what the bundle is made from; None outside git, with changes
            that are not committed, and in a clone that is too shallow to tell.
        template_version: the version of the template that baked the repository, or None.
        samples: sample images, for the reference score; absolute.
        deploy_path: the `deploy.yml` in which the base is pinned by digest on first use, or None.
    """

    base: str
    platform: str = "linux/amd64"
    prune: bool = True
    port: int = 5001
    workers: int = 1
    threads: int = 4
    timeout_seconds: int = 60
    readiness_seconds: int = 120
    service: str = "scorer"
    description: str | None = None
    repository_name: str | None = None
    revision: str | None = None
    template_version: str | None = None
    samples: tuple[Path, ...] = ()
    deploy_path: Path | None = None

    @classmethod
    def of(cls, repository: Repository) -> ImageSettings:
        """The settings of a model repository."""
        config = repository.config
        return cls(
            base=_absolute(repository, config.image.base),
            platform=config.image.platform,
            prune=config.image.prune,
            port=config.image.port,
            workers=config.scoring.workers,
            threads=config.scoring.threads,
            timeout_seconds=config.scoring.timeout_seconds,
            readiness_seconds=config.targets.local.readiness_seconds,
            service=config.service.name,
            description=config.service.description,
            repository_name=config.image.repository,
            revision=_revision(repository),
            template_version=_template_version(repository.root),
            samples=_samples(repository.samples_dir),
            deploy_path=repository.deploy_path,
        )


def _absolute(repository: Repository, base: str | None) -> str:
    """The base, with the path of a folder or file made absolute."""
    if base is None:
        return DEFAULT_BASE.format(python=repository.conda.python)
    kind, colon, place = base.partition(":")
    if kind in {"oci", "docker-archive"} and colon:
        return f"{kind}:{repository.root / Path(place).expanduser()}"
    return base


def _samples(folder: Path) -> tuple[Path, ...]:
    """The images in the samples folder: what has a `<stem>.json` beside it."""
    if not folder.is_dir():
        return ()
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return tuple(path for path in files if path.suffix != ".json" and path.with_suffix(".json").is_file())


def _revision(repository: Repository) -> str | None:
    """The last commit that changed what the bundle and the image are made from."""
    inputs = [
        repository.scoring_dir,
        repository.model_dir,
        repository.conda_path,
        repository.lock_path,
        repository.deploy_path,
    ]
    names = [str(path.relative_to(repository.root)) for path in inputs]
    changed = _git(repository.root, "status", "--porcelain", "--", *names)
    if changed is None or changed:
        return None
    found = _git(repository.root, "log", "-1", "--format=%H %P", "--", *names) or ""
    commit, _, parents = found.partition(" ")
    shallow = not parents and _git(repository.root, "rev-parse", "--is-shallow-repository") == "true"
    return None if shallow else commit or None  # a shallow clone takes its oldest commit for every file's


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, or None when it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _template_version(root: Path) -> str | None:
    """The template's tag or commit as cruft keeps it in `.cruft.json`."""
    try:
        state = json.loads((root / ".cruft.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    version = state.get("checkout") or state.get("commit") if isinstance(state, dict) else None
    return str(version) if version else None
