"""Judges a new version by its answers, before callers meet it: the `judge` that `transaction` gives a target.

The samples are posted round after round, by turns with the version before where that still answers. Wrong
answers, failed requests, slowness and growing memory each make the version be rejected; a report then shows
what was expected, what the version before answers and what the new one answers, drawn on the image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toc_build.deployment.prepare import read_samples
from toc_build.errors import Problem, Rejected, RepositoryError
from toc_build.repository import Repository
from toc_build.targets.protocol import Candidate

if TYPE_CHECKING:
    from toc_build.contract.rounds import Rounds
    from toc_build.contract.samples import Sample

MEGABYTE = 1_000_000
# Below it a difference of times is noise of the machine, whatever the ratio.
LEAST_SLOWDOWN_SECONDS = 0.01
WARM_UP = 1 / 3  # share of the requests during which memory may grow: caches fill, pools are made
_MOST_TOLD = 5


@dataclass
class Judgement:
    """One judgement; to be called by a target with its candidate.

    Args:
        repository: whose samples and limits are used.
        before: figures of the version that answers now, out of its own deployment record.
        expectations: whether the answers must be those expected; otherwise any valid answer will do, as for a
            rollback: the version was judged when it was new, and the samples may be newer.
        report_to: folder for the report of a rejected version; None for no report.
        clock: gives seconds.

    Attributes:
        figures: what was measured, once it was called; JSON values.
        report: the folder of the report, if one was written.
    """

    repository: Repository
    before: Mapping[str, Any] = field(default_factory=dict)
    expectations: bool = True
    report_to: Path | None = None
    clock: Callable[[], float] = time.monotonic
    figures: dict[str, Any] = field(default_factory=dict)
    report: Path | None = None

    def __call__(self, candidate: Candidate) -> None:
        """Judges.

        Raises:
            Rejected: the version must not stay; with every reason.
        """
        from toc_build.contract.rounds import Limits, ask_rounds

        config = self.repository.config
        samples = read_samples(self.repository)
        limits = Limits(
            config.judge.requests,
            config.judge.seconds,
            config.scoring.timeout_seconds,
            config.samples.min_iou,
            config.samples.score_tolerance,
        )
        found, beside = ask_rounds(
            candidate.scoring_uri,
            samples,
            config.model.labels,
            limits,
            headers=candidate.headers,
            beside=candidate.incumbent_uri,
            expectations=self.expectations,
            memory=candidate.memory,
            clock=self.clock,
        )
        self.figures = _figures(found, beside)
        problems = list(self._problems(found, beside))
        if not problems:
            return
        if self.report_to is not None:
            self._write_report(samples, found, beside, problems)
        raise Rejected.collect(problems)

    def _problems(self, found: Rounds, beside: Rounds) -> Iterator[Problem]:
        limits = self.repository.config.judge
        wrong = [failure for failure in found.failures if failure.wrong]
        failed = found.failed - found.wrong
        if wrong:
            yield Problem(
                "TOC-JUDGE-001",
                f"the new version answers wrongly: sample {wrong[0].sample}: {wrong[0].reason}",
                self._sample_place(wrong[0].sample),
                wrong[0].fix,
                _told(wrong),
            )
        if failed > limits.max_error_rate * found.requests:
            errors = [failure for failure in found.failures if not failure.wrong]
            yield Problem(
                "TOC-JUDGE-002",
                f"{failed} of {found.requests} requests to the new version failed: {errors[0].reason}",
                None,
                errors[0].fix or "look at the lines of the log that tell of it: `toc-build logs`.",
                _told(errors),
            )
        yield from self._slowness(found, beside)
        growth = self.figures.get("memory_growth_mb")
        if growth is not None and growth > limits.memory_growth_mb:
            yield Problem(
                "TOC-JUDGE-004",
                f"the new version's memory grew by {growth:.0f} MB within {found.requests} requests,"
                f" {limits.memory_growth_mb:g} MB are admitted: it would run out before long.",
                self.repository.where("judge", "memory_growth_mb"),
                "keep nothing of a request after its answer (a list or cache at module level is the usual"
                " cause).",
            )

    def _slowness(self, found: Rounds, beside: Rounds) -> Iterator[Problem]:
        limits = self.repository.config.judge
        median = found.median_seconds
        if median is not None and limits.latency_ms is not None and median * 1000 > limits.latency_ms:
            yield Problem(
                "TOC-JUDGE-003",
                f"half of the new version's answers take more than {median * 1000:.0f} ms,"
                f" {limits.latency_ms:g} ms are admitted.",
                self.repository.where("judge", "latency_ms"),
                "make it faster, or admit more.",
            )
        ours, base = self._compared(found, beside)
        if ours is None or base is None:
            return
        if ours > limits.slower_than_before * base + LEAST_SLOWDOWN_SECONDS:
            yield Problem(
                "TOC-JUDGE-003",
                f"the new version takes {ours * 1000:.0f} ms for an answer, the one before"
                f" {base * 1000:.0f} ms: {ours / base:.1f} times as long,"
                f" {limits.slower_than_before:g} times are admitted.",
                self.repository.where("judge", "slower_than_before"),
                "make it faster, or admit more.",
            )

    def _compared(self, found: Rounds, beside: Rounds) -> tuple[float | None, float | None]:
        """What an answer takes by the new version, and by the one before.

        What the detectors took is compared where both tell: callers of the version before do not change it,
        as they do the time of a whole answer, and a busy machine slows both alike. Otherwise whole answers
        are, with the benefit of the doubt: against the slower of now and of when the version before was
        judged.
        """
        ours = found.detector_seconds
        recorded = self.before.get("detector_seconds")
        theirs = beside.detector_seconds or (recorded if isinstance(recorded, float) else None)
        if ours is not None and theirs is not None:
            return ours, theirs
        known = (beside.fastest_seconds, self.before.get("fastest_seconds"))
        return found.fastest_seconds, max((item for item in known if isinstance(item, float)), default=None)

    def _sample_place(self, name: str) -> str | None:
        folder = self.repository.samples_dir
        found = next((path for path in sorted(folder.glob(f"{name}.*")) if path.suffix == ".json"), None)
        return str(found.relative_to(self.repository.root)) if found else None

    def _write_report(
        self, samples: list[Sample], found: Rounds, beside: Rounds, problems: list[Problem]
    ) -> None:
        from toc_build.deployment.judge_report import write_report

        assert self.report_to is not None  # noqa: S101 - asked by the caller
        try:
            write_report(self.report_to, samples, found, beside, problems, self.figures)
        except (OSError, RepositoryError):
            return  # a full disk must not turn a rejection into a bug
        self.report = self.report_to
        place = (self.report_to / "index.html").relative_to(self.repository.root)
        first = problems[0]
        fix = f"{first.fix.rstrip('.') + '. ' if first.fix else ''}The answers, drawn: {place}"
        problems[0] = Problem(first.code, first.what, first.where, fix, first.details)


def _figures(found: Rounds, beside: Rounds) -> dict[str, Any]:
    """What is put on record."""
    failures = {failure.sample: failure.rule for failure in reversed(found.failures)}
    figures: dict[str, Any] = {
        "requests": found.requests,
        "failed": found.failed,
        "error_rate": round(found.failed / found.requests, 4) if found.requests else None,
        "median_seconds": found.median_seconds,
        "fastest_seconds": found.fastest_seconds,
        "detector_seconds": found.detector_seconds,
        "before_fastest_seconds": beside.fastest_seconds,
        "before_detector_seconds": beside.detector_seconds,
        "memory_growth_mb": _growth(found),
        "samples": {name: failures.get(name, "as expected") for name in {*found.seconds, *failures}},
    }
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}


def _growth(found: Rounds) -> float | None:
    """By how many MB memory grew after the warm-up; None where it was not measured often enough."""
    settled = {number: used for number, used in found.memory.items() if number > found.requests * WARM_UP}
    if len(settled) < 2:
        return None
    return (settled[max(settled)] - settled[min(settled)]) / MEGABYTE


def _told(failures: list[Any]) -> str | None:
    """Every failure once, when there are others than the first, which the problem itself tells."""
    lines = dict.fromkeys(
        f"sample {failure.sample}: {failure.rule}: {failure.reason}" for failure in failures
    )
    if len(lines) < 2:
        return None
    shown = list(lines)[:_MOST_TOLD]
    more = len(lines) - len(shown)
    return "\n".join([*shown, f"and {more} more"] if more else shown)
