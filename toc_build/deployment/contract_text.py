"""Shows a contract report to a person: what failed and what to do first, then the count."""

from __future__ import annotations

from toc_build.console import Console
from toc_build.contract import ContractReport


def show_report(report: ContractReport, console: Console) -> None:
    """Prints failures whole, remarks and skipped cases in a line each, and one line that sums up."""
    for result in report.results:
        if result.outcome == "failed":
            console.say(f"FAILED {result.case}: {result.rule}", style="bold red")
            for line in result.reason.splitlines():
                console.say(f"  {line}")
            if result.fix:
                console.say(f"  what to do: {result.fix}", style="green")
        elif result.outcome == "skipped":
            console.note(f"skipped {result.case}: {result.reason}")
    counts = report.counts
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    verdict = "kept" if report.passed else "broken"
    console.say(
        f"contract {verdict}: {counts['passed']} cases passed, {counts['failed']} failed{skipped}"
        f" in {report.seconds:.1f} s",
        style="green" if report.passed else "red",
    )
