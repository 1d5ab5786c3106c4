from __future__ import annotations

import re
from pathlib import Path

import pytest

import toc_build.contract
import toc_build.runtime.detection
from toc_build.contract.rules import RULES, Breach

SOURCES = [
    *Path(toc_build.contract.__file__).parent.rglob("*.py"),
    Path(toc_build.runtime.detection.__file__),
]
AREAS = sorted({name.split(".")[0] for name in RULES})


def test_every_rule_named_in_the_code_is_described():
    pattern = re.compile(rf'"((?:{"|".join(AREAS)})\.[a-z-]+)"')
    named = {name for path in SOURCES for name in pattern.findall(path.read_text(encoding="utf-8"))}
    assert named == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_rule_says_what_it_asks_and_what_to_do(rule):
    assert rule.asks
    assert rule.fix
    assert not rule.asks.endswith(".")


def test_a_breach_takes_its_advice_from_the_rule_unless_it_knows_better():
    assert Breach("answer.list", "seen").fix == RULES["answer.list"].fix
    assert Breach("answer.list", "seen", fix="better").fix == "better"
    with pytest.raises(KeyError):
        Breach("answer.lost", "seen")
