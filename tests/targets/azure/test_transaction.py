"""What an apply that was cut off leaves, and what the next one makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.azure_place import Rehearsal, new_name, version

from toc_build.errors import TargetError
from toc_build.targets.azure import lock
from toc_build.targets.azure.place import candidate_name
from toc_build.targets.protocol import EventKind, State

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def name(azure: Rehearsal) -> Iterator[str]:
    """The name of a service on which version one answers."""
    found = new_name("cut")
    list(azure.aks(found, replicas=1).apply(azure.bundle("one")))
    yield found
    list(azure.aks(found).delete())


def answering(azure: Rehearsal, name: str) -> str:
    found = azure.aks(name)
    return version(str(found.status().scoring_uri), found.headers())


def test_the_names_of_candidates() -> None:
    assert candidate_name("river-litter") == "river-litter-toc-next"
    long = candidate_name("a" * 22 + "-" + "b" * 9)
    assert len(long) <= 32
    assert "--" not in long


def test_a_candidate_that_was_left_is_removed(azure: Rehearsal, name: str) -> None:
    list(azure.aks(candidate_name(name), replicas=1).apply(azure.bundle("two")))
    events = list(azure.aks(name, replicas=1).apply(azure.bundle("three")))
    assert any("cut off" in event.text for event in events if event.kind is EventKind.PROGRESS)
    assert answering(azure, name) == "three"
    assert candidate_name(name) not in azure.services()


def test_a_candidate_of_somebody_else_is_left_alone(
    azure: Rehearsal, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(lock, "who", lambda: "somebody@elsewhere")
        list(azure.aks(candidate_name(name), replicas=1).apply(azure.bundle("two")))
    with pytest.raises(TargetError, match=r"somebody@elsewhere \(since 20") as raised:
        list(azure.aks(name, replicas=1).apply(azure.bundle("three")))
    assert raised.value.code == "TOC-TARGET-004"
    assert answering(azure, name) == "one"
    assert candidate_name(name) in azure.services()


def test_what_answers_unjudged_is_judged_by_the_next_apply(azure: Rehearsal) -> None:
    found, one = new_name("unjudged"), azure.bundle("one")
    for event in azure.aks(found, replicas=1).apply(one, judge=lambda _: None):
        if event.step == "samples":
            tags = azure.client.call("service", name=found)["kvTags"]
            break
    assert tags["toc-judged"] == "no"
    asked: list[str] = []
    list(azure.aks(found, replicas=1).apply(one, judge=lambda candidate: asked.append(candidate.digest)))
    assert asked == [one.digest]
    assert azure.aks(found).status().state is State.READY
    list(azure.aks(found).delete())


def test_rollback_takes_the_stored_bundle_with_the_settings_of_then(azure: Rehearsal, name: str) -> None:
    before = azure.aks(name).live()
    assert before is not None
    list(azure.aks(name, replicas=1, scoring_timeout_ms=30000).apply(azure.bundle("two")))
    list(azure.aks(name).rollback(before))
    assert answering(azure, name) == "one"
    assert azure.aks(name).live() == replace(before, record={})
    with pytest.raises(TargetError) as raised:
        list(azure.aks(name).rollback(replace(before, digest="sha256:" + "f" * 64)))
    assert raised.value.code == "TOC-TARGET-005"
