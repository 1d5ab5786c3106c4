"""What a run of the contract found: one result per case, as objects, JSON and JUnit XML.

`probe.run_contract` makes it; the console renders it, `toc-build test` writes it to files, deployment records
keep a summary of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

Outcome = Literal["passed", "failed", "skipped"]

REPORT_VERSION = 1

# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class CaseResult:
    """How one case ended.

    Attributes:
        case: the case's name, such as `format-webp` or `sample:bridge`.
        outcome: passed, failed, or skipped (could not be judged; never counted as passed).
        rule: the broken rule, a key of `toc_build.contract.RULES`; None unless failed.
        reason: failed: what was seen, with the evidence. skipped: why. passed: a remark worth reading, else
            empty.
        fix: what to do; None unless failed.
        seconds: how long the case took.
    """

    case: str
    outcome: Outcome
    rule: str | None = None
    reason: str = ""
    fix: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class ContractReport:
    """What one run of the contract against one scorer found.

    Attributes:
        uri: where the scorer was asked, without user name, password or query.
        results: one per case, in the order they ran.
        seconds: how long the run took, in all.
    """

    uri: str
    results: tuple[CaseResult, ...]
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether no case failed and at least one passed."""
        outcomes = self.counts
        return outcomes["failed"] == 0 and outcomes["passed"] > 0

    @property
    def counts(self) -> Counter[str]:
        """How many cases passed, failed and were skipped."""
        return Counter(result.outcome for result in self.results)

    @property
    def failures(self) -> tuple[CaseResult, ...]:
        """The failed cases."""
        return tuple(result for result in self.results if result.outcome == "failed")

    @property
    def broken_rules(self) -> tuple[str, ...]:
        """The broken rules, each once, in the order they were found."""
        return tuple(dict.fromkeys(result.rule for result in self.failures if result.rule))

    def to_json(self) -> str:
        """The report as JSON; its keys are those of `ContractReport` and `CaseResult`, plus `version`."""
        counts = self.counts
        document = {
            "version": REPORT_VERSION,
            "uri": self.uri,
            "passed": self.passed,
            "counts": {outcome: counts[outcome] for outcome in ("passed", "failed", "skipped")},
            "seconds": round(self.seconds, 3),
            "results": [
                {
                    "case": result.case,
                    "outcome": result.outcome,
                    "rule": result.rule,
                    "reason": result.reason,
                    "fix": result.fix,
                    "seconds": round(result.seconds, 3),
                }
                for result in self.results
            ],
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_junit(self) -> str:
        """The report as JUnit XML: one test case per case, the broken rule as the failure's type."""
        counts = self.counts
        totals = {
            "tests": str(len(self.results)),
            "failures": str(counts["failed"]),
            "errors": "0",
            "skipped": str(counts["skipped"]),
            "time": f"{self.seconds:.3f}",
        }
        suites = ET.Element("testsuites", {"name": "toc-build", **totals})
        suite = ET.SubElement(suites, "testsuite", {"name": "contract", **totals})
        properties = ET.SubElement(suite, "properties")
        ET.SubElement(properties, "property", {"name": "uri", "value": _xml_text(self.uri)})
        for result in self.results:
            case = ET.SubElement(
                suite,
                "testcase",
                {"classname": "contract", "name": _xml_text(result.case), "time": f"{result.seconds:.3f}"},
            )
            reason = _xml_text(result.reason)
            if result.outcome == "failed":
                headline = f"{result.rule}: {reason.splitlines()[0] if reason else ''}"
                failure = ET.SubElement(case, "failure", {"type": result.rule or "", "message": headline})
                failure.text = reason + (f"\n-> {_xml_text(result.fix)}" if result.fix else "")
            elif result.outcome == "skipped":
                ET.SubElement(case, "skipped", {"message": reason})
            elif reason:
                ET.SubElement(case, "system-out").text = reason
        ET.indent(suites)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
