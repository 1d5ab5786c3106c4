"""A model repository on the in-memory target: what tests of deploying work with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.targets_bundles import HandMadeBundle

from toc_build.console import Console
from toc_build.deployment.transaction import Transaction
from toc_build.repository import Repository, load
from toc_build.targets.memory import MemoryService, MemoryTarget, Scorer
from toc_build.targets.protocol import DeployableBundle

RIGHT: list[dict[str, Any]] = [
    {"xmin": 55, "xmax": 106, "ymin": 75, "ymax": 126, "label": "thing", "score": 0.9},
    {"xmin": 200, "xmax": 260, "ymin": 60, "ymax": 120, "label": "thing", "score": 0.9},
]


def answer(document: object) -> Callable[[bytes], bytes]:
    """A scorer that answers this to any image."""
    return lambda _image: json.dumps(document).encode()


def moved(pixels: int) -> list[dict[str, Any]]:
    """The right answer, shifted to the right."""
    return [{**item, "xmin": item["xmin"] + pixels, "xmax": item["xmax"] + pixels} for item in RIGHT]


@dataclass
class Desk:
    """A repository, a service in memory, and scorers by the version's name; `right` is known at first."""

    root: Path
    scorers: dict[str, Scorer] = field(default_factory=lambda: {"right": answer(RIGHT)})
    side_by_side: bool = True
    console: Console = field(default_factory=lambda: Console(quiet=True))

    def __post_init__(self) -> None:
        self.service = MemoryService(lambda bundle: self.scorers[_name(bundle)], key="k3y-of-the-service")

    @property
    def repository(self) -> Repository:
        return load(self.root)

    def target(self, **arguments: Any) -> MemoryTarget:
        return MemoryTarget(self.service, side_by_side=self.side_by_side, **arguments)

    def bundle(self, name: str) -> HandMadeBundle:
        """A version that answers as the scorer of that name does, up to a dash."""
        return HandMadeBundle(Path(name), f"sha256:{name:0>64}")

    def change(self, name: str, target: MemoryTarget | None = None, **arguments: Any) -> Transaction:
        arguments.setdefault("allow_untested", True)
        return Transaction(
            self.repository, target or self.target(), self.bundle(name), self.console, **arguments
        )

    def live(self) -> str | None:
        """The name of the version that answers."""
        current = self.service.current
        return current.version.digest.removeprefix("sha256:").lstrip("0") if current else None


def _name(bundle: DeployableBundle) -> str:
    return bundle.root.name.partition("-")[0]
