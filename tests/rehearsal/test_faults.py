"""Faults on demand: read, scheduled, taken."""

from __future__ import annotations

import pytest

from toc_build.errors import UserError
from toc_build.rehearsal.faults import Fault, Faults, kinds, parse, schedule


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("services.create:429x2", Fault("services.create", "429", times=2)),
        ("build:slow=5", Fault("build", "slow", value=5.0)),
        ("build:slow", Fault("build", "slow", value=2.0)),
        ("init:raise", Fault("init", "raise")),
        ("upload.blob:half@3", Fault("upload.blob", "half", at=3)),
        ("deploy:never", Fault("deploy", "never")),
    ],
)
def test_a_fault_is_read(text: str, fault: Fault) -> None:
    assert parse(text) == [fault]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services.create:418", "at services.create can go wrong: 408, 429"),
        ("nowhere:500", "the steps are build, init, deploy"),
        ("services.create", "at services.create"),
        ("init:429", "at init can go wrong: raise, slow"),
        ("", "write STEP:KIND"),
    ],
)
def test_what_is_no_fault_is_told_with_what_is_one(text: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        parse(text)
    assert error.value.code == "TOC-REHEARSAL-004"
    assert told in str(error.value)


def test_a_fault_is_written_as_it_is_read() -> None:
    for seed in range(200):
        for fault in schedule(seed):
            assert parse(str(fault)) == [fault]


def test_a_schedule_is_the_same_for_the_same_seed() -> None:
    assert parse("random:7") == schedule(7)
    assert len({str(schedule(seed)) for seed in range(50)}) > 40
    assert all(fault.kind in kinds(fault.step) for seed in range(200) for fault in schedule(seed))


def test_a_fault_happens_so_often_and_not_before_its_turn() -> None:
    faults = Faults(parse("services.get:500x2@2"))
    taken = [faults.take("services.get") for _ in range(5)]
    assert [bool(fault) for fault in taken] == [False, True, True, False, False]
    assert faults.take("services.create") is None


def test_calls_are_counted_from_when_a_fault_is_added() -> None:
    faults = Faults()
    for _ in range(4):
        faults.take("score")
    faults.add(parse("score:503@2"))
    assert [bool(faults.take("score")) for _ in range(3)] == [False, True, False]
    faults.add(parse("score:503"))
    faults.clear()
    assert faults.take("score") is None
    assert faults.waiting() == []
