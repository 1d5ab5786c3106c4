"""Draws a target's events on the console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from toc_build.console import Console
from toc_build.targets.protocol import Event, EventKind

_WORTH_TELLING_SECONDS = 1.0  # a step that usually takes less is over before its usual time is read


def draw(
    events: Iterator[Event],
    console: Console,
    *,
    usual: Mapping[str, float] | None = None,
    show_log: bool = False,
) -> None:
    """Reads `events` to their end, each step as a step of the console.

    Whatever interrupts the reading closes `events`, which cancels the target's work.

    Args:
        events: of one apply, rollback or delete.
        console: draws.
        usual: step -> seconds that it usually takes, to be told beside its name.
        show_log: print the server's lines as they come; otherwise they only pass by.

    Raises:
        TargetError: the work failed.
    """
    with closing(_closable(events)) as following:
        for event in following:
            if event.kind is EventKind.STEP_STARTED:
                _draw_step(event, following, console, usual or {}, show_log=show_log)
            elif event.kind is EventKind.LOG:
                if not console.quiet:
                    console.output(event.text)
            elif event.text and event.kind is not EventKind.READY:
                console.note(event.text)


def _draw_step(
    started: Event,
    following: Iterator[Event],
    console: Console,
    usual: Mapping[str, float],
    *,
    show_log: bool,
) -> None:
    name = started.text or started.step
    seconds = usual.get(started.step, 0.0)
    if seconds >= _WORTH_TELLING_SECONDS:
        name += f" (usually {seconds:.0f} s)"
    with console.step(name) as update:
        for event in following:
            if event.kind is EventKind.STEP_FINISHED and event.step == started.step:
                return
            if event.kind is EventKind.LOG and show_log and not console.quiet:
                console.output(event.text)
            elif event.text:
                update(event.text)


def _closable(events: Iterator[Event]):  # type: ignore[no-untyped-def]  # a generator, so that close() reaches the target
    yield from events
