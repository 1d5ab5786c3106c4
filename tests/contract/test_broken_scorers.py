"""The contract against scorers that break it in one way each, and against right ones."""

from __future__ import annotations

import json

import contract.broken_scorers  # noqa: F401 - fills BROKEN
import pytest
from support.contract_registry import BROKEN, Broken
from support.contract_scorer import ColourBlobs, ReferenceScorer, Reply

from toc_build.contract import RULES
from toc_build.contract.cases import refusals


class NoScores(ColourBlobs):
    def encode(self, detections):
        return super().encode([{key: d[key] for key in d if key != "score"} for d in detections])


class ClosesConnections(ColourBlobs):
    keep_alive = False


class Spacious(ColourBlobs):
    def encode(self, detections):
        body = f"\n  {json.dumps(detections, indent=4)} \r\n".encode()
        return Reply(200, body, {"Content-Type": "application/json; charset=UTF-8"})


class InAnotherOrder(ColourBlobs):
    def encode(self, detections):
        return super().encode([dict(reversed(d.items())) for d in reversed(detections)])


class RoundedToPixels(ColourBlobs):
    def encode(self, detections):
        return super().encode([{**d, "score": round(d["score"], 1)} for d in detections])


class RefusesBeforeReading(ColourBlobs):
    """413 as soon as the headers came; the rest is never read and the connection closed."""

    keep_alive = False

    def too_large(self, request):
        return Reply(413, b'{"error": "too large"}', {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "kind",
    [
        ColourBlobs,
        ReferenceScorer,
        NoScores,
        ClosesConnections,
        Spacious,
        InAnotherOrder,
        RoundedToPixels,
        RefusesBeforeReading,
    ],
)
def test_a_right_scorer_passes_every_case(hold, kind):
    report = hold(kind)
    assert report.failures == ()
    assert report.counts["skipped"] == 0
    assert report.passed


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.name}-{broken.rule}")
def test_a_broken_scorer_is_caught_by_its_rule(hold, broken: Broken, monkeypatch):
    if hasattr(broken.scorer, "at_once"):
        monkeypatch.setattr(refusals, "_AT_ONCE_SECONDS", broken.scorer.at_once)
    report = hold(broken.scorer)
    assert not report.passed
    assert broken.rule in report.broken_rules
    for result in report.failures:
        assert result.rule in RULES
        assert result.reason
        assert result.reason == result.reason.strip()
        assert "\n" not in result.reason
        assert result.fix


def test_the_fixtures_break_most_rules():
    """Every rule that a scorer can break over HTTP is broken by some fixture."""
    assert len(BROKEN) >= 30
    assert len({broken.name for broken in BROKEN}) == len(BROKEN)
    assert all(broken.scorer.__doc__ for broken in BROKEN)
    assert {broken.rule for broken in BROKEN} == set(RULES)
