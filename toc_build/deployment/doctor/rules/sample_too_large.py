"""Every sample is within the scorer's limits."""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.contract import load_samples
from toc_build.deployment.doctor.rule import Found, Rule
from toc_build.deployment.doctor.subject import Subject
from toc_build.errors import UserError
from toc_build.findings import Severity


def check(subject: Subject) -> Iterator[Found]:
    """Bytes against `max_request_mb`, pixels against `max_megapixels`."""
    try:
        samples = load_samples(subject.repository.samples_dir)
    except UserError:
        return  # told by reading the samples itself
    scoring = subject.config.scoring
    for sample in samples:
        megabytes, pixels = sample.path.stat().st_size / 1e6, sample.width * sample.height / 1e6
        for value, key, limit, unit in (
            (megabytes, "max_request_mb", scoring.max_request_mb, "MB"),
            (pixels, "max_megapixels", scoring.max_megapixels, "million pixels"),
        ):
            if value > limit:
                yield Found(
                    f"{sample.path.name} has {value:.1f} {unit}; {limit:g} are admitted.",
                    subject.repository.where("scoring", key),
                    f"raise {key}, or take a smaller sample.",
                )


RULE = Rule(
    code="TOC-DOC-802",
    severity=Severity.ERROR,
    looks_for="samples beyond the scorer's own limits",
    why="The scorer refuses them with 413, so tests fail and every deploy is rejected.",
    check=check,
)
