"""The reference score: does a pruned environment answer as the whole one does?

`environment_layer` calls it once for each environment it makes. The scoring script runs here, on this
machine, with the image's packages and the repository's own samples; where the image is for another
platform, or there are no samples, or the scorer cannot start here, there is nothing to compare, and the
build says so.
"""

from __future__ import annotations

import json
import platform as machine
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toc_build.bundle import Bundle
from toc_build.environment import child_environment
from toc_build.errors import ImageError
from toc_build.image.store import Tell

RUNNER = Path(__file__).with_name("reference_runner.py")
_MOST_SAMPLES = 3
_SECONDS = 300
_TOLERANCE = 1e-3  # a library may add up in another order on its next run
_MACHINES = {
    "x86_64": "linux/amd64",
    "AMD64": "linux/amd64",
    "aarch64": "linux/arm64",
    "arm64": "linux/arm64",
}


@dataclass(frozen=True)
class Reference:
    """What is scored, and with what.

    Attributes:
        bundle: the scorer.
        samples: images to post.
        python: an interpreter on this machine, of the image's version.
        platform: the image's.
    """

    bundle: Bundle
    samples: tuple[Path, ...]
    python: Path
    platform: str

    def score(self, packages: Path, tell: Tell) -> list[Any] | None:
        """The answers to the samples with these packages; None when there can be none on this machine."""
        if sys.platform != "linux" or _MACHINES.get(machine.machine()) != self.platform:
            tell(f"no reference score: this machine cannot run {self.platform}")
            return None
        if not self.samples:
            tell("no reference score: the repository has no samples")
            return None
        tell("scoring the samples before pruning")
        answers, said = self._run(packages)
        if answers is None:
            tell(f"no reference score: the scorer does not run here ({said.strip().rpartition(chr(10))[2]})")
        return answers

    def compare(self, before: list[Any] | None, packages: Path) -> None:
        """Scores again and compares.

        Raises:
            ImageError: an answer changed, or the scorer does not start any more.
        """
        if before is None:
            return
        after, said = self._run(packages)
        if after is None or not _alike(before, after):
            what = "the scorer does not start" if after is None else "the answers to the samples change"
            raise ImageError(
                f"{what} when files that no scorer should need are left out of the environment.",
                code="TOC-IMAGE-011",
                fix="set `prune: false` under `image:` in deploy.yml, and report it: the allow-list is "
                "wrong for "
                "a package of yours.",
                details=said[-4000:] if after is None else f"before: {before}\nafter:  {after}",
            )

    def _run(self, packages: Path) -> tuple[list[Any] | None, str]:
        environment = {
            **child_environment(),
            "AML_APP_ROOT": str(self.bundle.code_dir),
            "AZUREML_MODEL_DIR": str(self.bundle.model_dir),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        script = self.bundle.code_dir / self.bundle.manifest.entry_script
        try:
            done = subprocess.run(
                [str(self.python), "-S", "-B", str(RUNNER), str(packages), str(script)],
                input="\n".join(str(path) for path in self.samples[:_MOST_SAMPLES]),
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=environment,
                check=False,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, str(error)
        try:
            found = json.loads(done.stdout.rpartition("\n@answers ")[2]) if done.returncode == 0 else None
        except ValueError:
            return None, done.stderr + done.stdout
        return found, done.stderr


def _alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same but for the last digits of their numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int) and not isinstance(one, bool):
        return abs(one - other) <= _TOLERANCE * max(1.0, abs(one), abs(other))
    return bool(one == other)
