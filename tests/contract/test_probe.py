from __future__ import annotations

import time
from dataclasses import replace

import pytest
from contract.broken_scorers.refusals import DiesOfABomb
from contract.broken_scorers.state import Slow
from support.contract_scorer import ColourBlobs, Dies, ReferenceScorer, as_json, serving

from toc_build.contract import run_contract
from toc_build.errors import ScoreError


class AsksForAKey(ReferenceScorer):
    """401 without the key; with it, refusals show the key, just where the evidence is cut."""

    def answer(self, request):
        if request.headers.get("authorization") != "Bearer s3cret-key":
            return as_json({"error": "unauthorised"}, 401)
        reply = super().answer(request)
        if reply.status == 400:
            reply.status, reply.body = 418, (b"-" * 185 + request.headers["authorization"].encode())
        return reply


def test_cases_without_what_they_need_are_skipped_and_say_why(tmp_path):
    with serving(ReferenceScorer(tmp_path)) as uri:
        report = run_contract(uri)
    skipped = {result.case: result.reason for result in report.results if result.outcome == "skipped"}
    assert set(skipped) == {"refuse-too-many-bytes", "refuse-png-bomb", "refuse-jpeg-bomb", "temporary-files"}
    assert all("known" in reason or "seen" in reason for reason in skipped.values())
    assert report.passed
    assert report.uri == uri


def test_without_samples_a_generated_picture_is_posted(hold):
    report = hold(ReferenceScorer, samples=())
    assert report.passed
    assert {result.reason for result in report.results} == {""}


def test_a_missing_temporary_folder_is_skipped_not_passed(hold, tmp_path):
    report = hold(ReferenceScorer, temp_dir=tmp_path / "nowhere")
    assert report.results[-1].outcome == "skipped"
    assert "cannot be listed" in report.results[-1].reason


def test_a_sample_without_expectations_passes_with_a_remark(hold, samples):
    report = hold(ReferenceScorer, samples=[replace(samples[0], expected=None)])
    (judged,) = [result for result in report.results if result.case.startswith("sample:")]
    assert judged.outcome == "passed"
    assert "nothing is expected" in judged.reason


def test_what_breaks_every_answer_is_told_once(hold):
    class Wrapped(ColourBlobs):
        def encode(self, detections):
            return as_json({"detections": detections})

    report = hold(Wrapped)
    assert [(result.case, result.rule) for result in report.failures] == [("picture", "answer.list")]
    assert all("answer.list" in r.reason for r in report.results if r.outcome == "skipped")


def test_a_scorer_that_dies_is_told_where_and_the_rest_is_skipped(hold):
    report = hold(DiesOfABomb)
    (death,) = report.failures
    assert (death.case, death.rule) == ("refuse-png-bomb", "service.alive")
    after = report.results[report.results.index(death) + 1 :]
    assert {result.outcome for result in after} == {"skipped"}
    assert all("refuse-png-bomb" in result.reason for result in after)


def test_a_scorer_that_dies_of_the_first_picture_is_a_result_not_an_error(hold):
    class Fragile(ColourBlobs):
        def detect(self, image):
            raise Dies

    assert [(f.case, f.rule) for f in hold(Fragile).failures] == [("picture", "service.alive")]


def test_a_slow_scorer_does_not_make_every_case_wait(hold):
    began = time.perf_counter()
    report = hold(Slow)
    assert time.perf_counter() - began < 3
    assert [result.rule for result in report.failures] == ["answer.timeout"]
    assert report.counts["passed"] == 0


def test_a_key_is_sent_and_never_told(tmp_path):
    with serving(AsksForAKey(tmp_path)) as uri:
        with pytest.raises(ScoreError) as caught:
            run_contract(uri)
        report = run_contract(uri, headers={"Authorization": "Bearer s3cret-key"})
    assert caught.value.code == "TOC-TEST-022"
    assert "refusal.status" in report.broken_rules
    assert "--***" in report.to_json()
    assert "s3cre" not in report.to_json() + report.to_junit()


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "TOC-TEST-022"), (403, "TOC-TEST-022"), (404, "TOC-TEST-023"), (503, "TOC-TEST-024")],
)
def test_an_address_without_a_scorer_is_one_clear_error(tmp_path, status, code):
    class Elsewhere(ColourBlobs):
        def answer(self, request):
            request.read_away()
            return as_json({}, status)

    with serving(Elsewhere(tmp_path)) as uri, pytest.raises(ScoreError) as caught:
        run_contract(uri)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.where == uri
    assert problem.fix


def test_nothing_listens(free_tcp_port):
    with pytest.raises(ScoreError) as caught:
        run_contract(f"http://127.0.0.1:{free_tcp_port}/score")
    assert caught.value.code == "TOC-TEST-021"
    assert str(free_tcp_port) in str(caught.value)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(hold, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert hold(ReferenceScorer).passed
