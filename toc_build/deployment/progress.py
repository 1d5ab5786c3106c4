"""Draws a target's events on the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from toc_build.console import Console
from toc_build.targets.protocol import Event, EventKind


def draw(events: Iterator[Event], console: Console) -> None:
    """Reads `events` to their end, each step as a step of the console.

    Whatever interrupts the reading closes `events`, which cancels the target's work.

    Raises:
        TargetError: the work failed.
    """
    with closing(_closable(events)) as following:
        for event in following:
            if event.kind is EventKind.STEP_STARTED:
                _draw_step(event, following, console)
            elif event.kind is EventKind.LOG:
                console.output(event.text)
            elif event.text and event.kind is not EventKind.READY:
                console.note(event.text)


def _draw_step(started: Event, following: Iterator[Event], console: Console) -> None:
    with console.step(started.text or started.step) as update:
        for event in following:
            if event.kind is EventKind.STEP_FINISHED and event.step == started.step:
                return
            if event.text:
                update(event.text)


def _closable(events: Iterator[Event]):  # type: ignore[no-untyped-def]  # a generator, so that close() reaches the target
    yield from events
