"""Runs the contract's cases against a scorer and reports how each ended.

Called by `toc-build test`, by smoke checks after a deployment, and by the tests of every target.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from toc_build.contract.cases import Case, Run, all_cases
from toc_build.contract.client import Scorer, Unreachable
from toc_build.contract.images import choose_picture
from toc_build.contract.report import CaseResult, ContractReport
from toc_build.contract.rules import RULES, Breach, CannotTell
from toc_build.contract.samples import Sample
from toc_build.errors import ScoreError

# After this many timeouts the rest would only take as long again.
_MOST_TIMEOUTS = 3


def run_contract(
    uri: str,
    *,
    labels: Sequence[str] | None = None,
    samples: Sequence[Sample] = (),
    max_request_bytes: int | None = None,
    max_pixels: int | None = None,
    min_iou: float = 0.5,
    score_tolerance: float = 0.2,
    temp_dir: Path | None = None,
    timeout: float = 60.0,
    headers: Mapping[str, str] | None = None,
) -> ContractReport:
    """Hold a scorer to the contract.

    Args:
        uri: where images are posted, such as http://127.0.0.1:8890/score.
        labels: the declared labels in their order; None leaves them unchecked.
        samples: the model repository's samples; the first cases use one of them as well.
        max_request_bytes: the scorer's limit for bodies, in bytes; None skips that case.
        max_pixels: the scorer's limit for images, in pixels; None skips those cases.
        min_iou: least IoU of a sample's expected and answered box, in (0, 1].
        score_tolerance: largest difference of a sample's expected and answered score.
        temp_dir: the scorer's TMPDIR when it runs on this machine, so that leaked files are seen; None skips
            that case.
        timeout: seconds that one request may take.
        headers: sent with every request, such as an authorisation; their values never reach the report.

    Returns:
        One result per case. A broken contract is a result, not an error.

    Raises:
        ScoreError: there is no scorer to hold: not an HTTP address, nothing listens, a key is missing,
            nothing at that path, not ready (TOC-TEST-020 to TOC-TEST-024).
    """
    began = time.perf_counter()
    with Scorer(uri, headers=headers, timeout=timeout) as scorer:
        run = Run(
            scorer=scorer,
            picture=choose_picture(samples),
            labels=labels,
            samples=samples,
            max_request_bytes=max_request_bytes,
            max_pixels=max_pixels,
            min_iou=min_iou,
            score_tolerance=score_tolerance,
            temp_dir=temp_dir,
        )
        results = _run_cases(run)
        return ContractReport(scorer.shown_uri, tuple(results), time.perf_counter() - began)


def _run_cases(run: Run) -> Iterator[CaseResult]:
    stopped = ""
    timeouts = 0
    for case in all_cases(run):
        if stopped:
            yield CaseResult(case.name, "skipped", reason=stopped)
            continue
        began = time.perf_counter()
        result = _outcome(run, case)
        yield replace(
            result,
            reason=run.scorer.redact(result.reason),
            seconds=time.perf_counter() - began,
        )
        timeouts += result.rule == "answer.timeout"
        if result.rule == "service.alive":
            stopped = f"the scorer stopped accepting connections in the case `{case.name}`"
        elif timeouts and (run.reference is None or timeouts >= _MOST_TIMEOUTS):
            stopped = f"the scorer was too slow in the case `{case.name}`; the rest would only take as long"


def _outcome(run: Run, case: Case) -> CaseResult:
    try:
        return CaseResult(case.name, "passed", reason=case.check(run))
    except CannotTell as why:
        return CaseResult(case.name, "skipped", reason=str(why))
    except Breach as breach:
        if breach.rule == run.reference_rule and not case.always_judged:
            reason = f"the answer breaks {breach.rule}, as one reported above does"
            return CaseResult(case.name, "skipped", reason=reason)
        return CaseResult(case.name, "failed", breach.rule, breach.reason, breach.fix)
    except Unreachable as error:
        if not run.scorer.reached:
            raise ScoreError(
                f"nothing answers at this address ({error})",
                code="TOC-TEST-021",
                where=run.scorer.shown_uri,
                fix="start the scorer first (toc-build deploy), and check host and port",
            ) from None
        reason = f"the scorer stopped accepting connections in this case ({error})"
        return CaseResult(case.name, "failed", "service.alive", reason, RULES["service.alive"].fix)
