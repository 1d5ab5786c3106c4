"""The cases of the contract, in the order they run; `probe` asks for them.

`pictures`: the same picture in every format. `behaviour`: repeated, concurrent and kept-alive requests,
methods, limits of time and files. `refusals`: what must be refused. `judged`: the model repository's samples.
"""

from __future__ import annotations

from collections.abc import Iterator

from toc_build.contract.cases import behaviour, judged, pictures, refusals
from toc_build.contract.cases.base import Case, Run

__all__ = ["Case", "Run", "all_cases"]


def all_cases(run: Run) -> Iterator[Case]:
    """Every case for this run. Later cases compare with what the first ones found; the last look back."""
    yield from pictures.first_cases()
    yield from behaviour.repetition_cases()
    yield from pictures.format_cases(run)
    yield from refusals.cases()
    yield from behaviour.connection_cases()
    yield from judged.cases(run)
    yield from behaviour.closing_cases()
