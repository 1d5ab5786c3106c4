"""The behaviour every scorer must show over HTTP, whatever runs it.

`toc-build test`, smoke checks after a deployment and the tests of every target call `run_contract`. In
reading order: `rules` (what may be broken), `samples` and `images` (what is posted), `client` and `answers`
(how an answer is read), `matching` and `conventions` (how it is judged), `cases` (the cases themselves),
`probe` (runs them), `report` (what came out).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toc_build.contract.probe import run_contract
    from toc_build.contract.report import CaseResult, ContractReport
    from toc_build.contract.rules import RULES, Rule
    from toc_build.contract.samples import Sample, load_samples

__all__ = ["RULES", "CaseResult", "ContractReport", "Rule", "Sample", "load_samples", "run_contract"]

_HOMES = {
    "run_contract": "probe",
    "CaseResult": "report",
    "ContractReport": "report",
    "RULES": "rules",
    "Rule": "rules",
    "Sample": "samples",
    "load_samples": "samples",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: httpx and OpenCV are slow to import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
