"""What the doctor's rules look at: the repository, read once; what is known of its machines and its past."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from packaging.utils import canonicalize_name

from toc_build.bundle.sources import collect
from toc_build.deployment.history import Deployment, History, Result
from toc_build.environment.lock_file import read_lock
from toc_build.errors import UserError
from toc_build.repository import AksTarget, DeployConfig, Repository
from toc_build.targets.azure.vm_sizes import VmSize, vm_size
from toc_build.targets.plan import Cluster

_GIT_SECONDS = 5.0


@dataclass(frozen=True)
class Code:
    """One Python file of the scoring code.

    Attributes:
        path: relative to the repository.
        tree: None when it does not parse.
        error: why.
    """

    path: str
    tree: ast.Module | None
    error: SyntaxError | None = None

    def where(self, node: ast.AST) -> str:
        """The place of a node."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    def walk(self) -> Iterator[ast.AST]:
        """Every node; none of a file that does not parse."""
        return ast.walk(self.tree) if self.tree is not None else iter(())


@dataclass(frozen=True)
class Subject:
    """A model repository under examination.

    Attributes:
        repository: read and in order.
        today: dates of support are compared with it.
        target: the target that is planned; None for the doctor, who looks at all.
        seen: the machines as a target saw them.
    """

    repository: Repository
    today: date
    target: str | None = None
    seen: Cluster | None = None

    @property
    def config(self) -> DeployConfig:
        """What `deploy.yml` says."""
        return self.repository.config

    @property
    def root(self) -> Path:
        """The repository's folder."""
        return self.repository.root

    @property
    def aks(self) -> AksTarget | None:
        """The target `aks`, if there is one."""
        return self.config.targets.aks

    def named_images(self) -> Iterator[tuple[str, str]]:
        """Target -> image, for those targets that are looked at and name one."""
        for target in ("aci", "aks"):
            section = getattr(self.config.targets, target)
            if self.target in (None, target) and section is not None and section.image is not None:
                yield target, section.image

    def shown(self, path: Path) -> str:
        """A path as a person knows it."""
        return path.relative_to(self.root).as_posix()

    @cached_property
    def cluster(self) -> Cluster:
        """The machines of the cluster: as Azure says, else as `deploy.yml` says; empty when nobody does."""
        if self.seen is not None:
            return self.seen
        nodes = self.aks.nodes if self.aks else None
        region = self.config.azure.location
        if nodes is None:
            return Cluster(region=region)
        return Cluster(nodes.vm_size, nodes.count, nodes.production, region)

    @cached_property
    def node(self) -> VmSize | None:
        """What one node offers; None when that is not known."""
        return vm_size(self.cluster.vm_size) if self.cluster.vm_size else None

    @cached_property
    def code(self) -> tuple[Code, ...]:
        """The Python files of the scoring code."""
        return tuple(
            self._parsed(path)
            for path in sorted(self.repository.scoring_dir.rglob("*.py"))
            if not any(part.startswith((".", "__pycache__")) for part in path.relative_to(self.root).parts)
        )

    @cached_property
    def script(self) -> Code:
        """The scoring script."""
        wanted = self.shown(self.repository.script)
        return next((item for item in self.code if item.path == wanted), Code(wanted, None))

    @cached_property
    def locked(self) -> dict[str, str] | None:
        """Package -> version, out of the lock; None when there is none."""
        try:
            text = self.repository.lock_path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        return {canonicalize_name(pin.name): pin.version for pin in read_lock(text).pins}

    @cached_property
    def bundled(self) -> dict[str, Path]:
        """Path in the bundle -> the user's file; empty when the bundle cannot be collected."""
        try:
            return {
                path: source for path, source in collect(self.repository).items() if isinstance(source, Path)
            }
        except (UserError, OSError):
            return {}

    @cached_property
    def artifact_bytes(self) -> int:
        """Size of all artifacts together."""
        return sum(_size(path) for name, path in self.bundled.items() if name.startswith("model/"))

    @cached_property
    def tracked(self) -> frozenset[str] | None:
        """What git tracks, relative to the repository; None outside of git."""
        listed = self._git("ls-files", "-z")
        return None if listed is None else frozenset(name for name in listed.split("\0") if name)

    @cached_property
    def init_seconds(self) -> float | None:
        """How long the last successful start took, on any target."""
        return self._last("init")

    @cached_property
    def answer_seconds(self) -> float | None:
        """The median of the last judged version's answers."""
        for item in reversed(self._succeeded):
            value = item.figures.get("median_seconds")
            if isinstance(value, float):
                return value
        return None

    def git_attribute(self, name: str, paths: list[str]) -> dict[str, str]:
        """Path -> value of one git attribute."""
        told = self._git("check-attr", "-z", name, "--", *paths)
        words = (told or "").split("\0")
        return dict(zip(words[0::3], words[2::3], strict=False))

    def git_ignores(self, path: str) -> bool:
        """Whether git leaves `path` alone."""
        return self._git("check-ignore", "-q", path) is not None

    @cached_property
    def _succeeded(self) -> list[Deployment]:
        return [item for item in History(self.root).deployments() if item.result is Result.SUCCEEDED]

    def _last(self, step: str) -> float | None:
        for item in reversed(self._succeeded):
            if step in item.steps:
                return item.steps[step]
        return None

    def _parsed(self, path: Path) -> Code:
        name = self.shown(path)
        try:
            return Code(name, ast.parse(path.read_bytes(), name))
        except SyntaxError as error:
            return Code(name, None, error)
        except (ValueError, OSError):  # null bytes, or a file that cannot be read: the bundle says so
            return Code(name, None)

    def _git(self, *arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(self.root), *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_GIT_SECONDS,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
