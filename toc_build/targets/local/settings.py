"""How the local target runs a bundle: what `deploy.yml` says under `targets -> local` and `scoring`.

Made by whoever builds a `LocalTarget`; sent to the supervisor as JSON.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
CONTAINER_LIMITS = ("memory_gb", "pids_limit", "outbound")


@dataclass(frozen=True)
class ContainerSettings:
    """How a container engine runs the service; see `images` for where the image comes from.

    Attributes:
        image: what the engine calls the image; empty as long as it is not there.
        engine: address of the engine, such as `unix:///var/run/docker.sock`; empty as long as none was asked.
        port: that the image listens on.
        memory_gb: how much memory the container may use, in GB of 1,000,000,000 bytes.
        pids_limit: how many processes and threads it may have.
        outbound: whether the scoring code may reach other machines.
        mounted: whether the bundle's code and model are mounted in place of those in the image.
    """

    image: str = ""
    engine: str = ""
    port: int = 5001
    memory_gb: float = 2.0
    pids_limit: int = 512
    outbound: bool = False
    mounted: bool = False


@dataclass(frozen=True)
class LocalSettings:
    """Settings of one service on this machine.

    Attributes:
        python: the scoring environment's interpreter; a link is kept as it is, because it is what makes a
            venv.
        repository: the model repository's root, named when two services want the same port and looked into
            to tell a forgotten file from a missing package. None when there is no repository.
        port: on 127.0.0.1; 0 for any free one.
        readiness_seconds: how long `init()` may take before the start counts as failed.
        workers: server processes.
        threads: requests that a worker holds at once.
        timeout_seconds: how long a request may take; a server that is replaced gets this long to finish those
            it has.
        scoring_dir: what the user calls the bundle's `code/`, relative to the repository.
        model_dir: what the user calls the bundle's `model/`.
        container: how a container engine runs the service; None for a process of this machine.
    """

    python: Path
    repository: Path | None = None
    port: int = 8890
    readiness_seconds: float = 120.0
    workers: int = 1
    threads: int = 4
    timeout_seconds: float = 60.0
    scoring_dir: str = "scoring"
    model_dir: str = "model"
    container: ContainerSettings | None = None

    @property
    def engine(self) -> str:
        """`process` or `docker`, as in `deploy.yml`."""
        return "process" if self.container is None else "docker"

    def described(self) -> dict[str, object]:
        """What a user may set and compare: a plan shows it, and a version is put back with it."""
        values: dict[str, object] = {
            "engine": self.engine,
            "port": self.port,
            "readiness_seconds": self.readiness_seconds,
            "workers": self.workers,
            "threads": self.threads,
            "timeout_seconds": self.timeout_seconds,
        }
        if self.container is not None:
            values |= {name: getattr(self.container, name) for name in CONTAINER_LIMITS}
        return values

    def with_described(self, values: Mapping[str, object]) -> LocalSettings:
        """These settings with those of an earlier version in their place; the engine stays what it is."""
        changed: dict[str, Any] = {name: values[name] for name in self.described() if name in values}
        changed.pop("engine", None)
        limits = {name: changed.pop(name) for name in CONTAINER_LIMITS if name in changed}
        if self.container is not None:
            changed["container"] = dataclasses.replace(self.container, **limits)
        return dataclasses.replace(self, **changed)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        values = dataclasses.asdict(self)
        values["python"] = str(self.python)
        values["repository"] = None if self.repository is None else str(self.repository)
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> LocalSettings:
        """The settings back from JSON values."""
        repository, container = values["repository"], values.get("container")
        return cls(
            **{
                **values,
                "python": Path(values["python"]),
                "repository": None if repository is None else Path(repository),
                "container": None if container is None else ContainerSettings(**container),
            }
        )


@dataclass(frozen=True)
class BundleReference:
    """The bundle's folder and digest: all that crosses from the command line to the supervisor."""

    root: Path
    digest: str

    @property
    def short(self) -> str:
        """The digest as a person is shown it."""
        return self.digest.removeprefix("sha256:")[:12]

    @property
    def code(self) -> Path:
        """The scoring code, flat, with `score.py`."""
        return self.root / "code"

    @property
    def model(self) -> Path:
        """The model artifacts."""
        return self.root / "model"
