"""The list of deliberately broken scorers: each names the rule that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from support.contract_scorer import ColourBlobs


@dataclass(frozen=True)
class Broken:
    scorer: type[ColourBlobs]
    rule: str

    @property
    def name(self) -> str:
        return self.scorer.__name__


BROKEN: list[Broken] = []


def broken(rule: str) -> Callable[[type[ColourBlobs]], type[ColourBlobs]]:
    """Register a broken scorer and the rule that must catch it; its docstring says what is wrong."""

    def register(scorer: type[ColourBlobs]) -> type[ColourBlobs]:
        BROKEN.append(Broken(scorer, rule))
        return scorer

    return register
