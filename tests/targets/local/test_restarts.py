"""Bounded back-off."""

from __future__ import annotations

from toc_build.targets.local.restarts import RestartPolicy


def test_waits_longer_and_then_gives_up() -> None:
    policy = RestartPolicy(limit=3, window_seconds=60, first_delay_seconds=0.5)
    assert [policy.next_delay(now) for now in (0, 1, 2, 3)] == [0.5, 1.0, 2.0, None]
    assert policy.recent == 3


def test_old_crashes_are_forgiven() -> None:
    policy = RestartPolicy(limit=2, window_seconds=60, first_delay_seconds=1)
    assert [policy.next_delay(now) for now in (0, 50, 61, 62)] == [1, 2, 2, None]
    policy.forget()
    assert policy.next_delay(63) == 1
