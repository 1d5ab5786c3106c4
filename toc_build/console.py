"""What the user sees: steps with elapsed time, results, problems. The one place that prints.

Results go to standard output, everything about how they came to be to standard error, so that `--json` and
pipes stay clean. On a terminal a running step is a live line; elsewhere (CI, a file) each finished step is
one plain line. rich is imported when the first thing is drawn, never before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress

    from toc_build.errors import UserError

Update = Callable[[str], None]

_LINE_WIDTH = 50  # of what a step does now, so that its name and time always have room


class Console:
    """Draws for one command.

    Args:
        quiet: leave out the steps and notes; results and problems stay.
        clock: gives seconds; passed in by tests.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet = quiet
        self._clock = clock
        self._rich: dict[bool, RichConsole] = {}

    def _on(self, *, stderr: bool) -> RichConsole:
        if stderr not in self._rich:
            from rich.console import Console as RichConsole

            # A log is read with a pager or grep: no wrapping where there is no terminal to measure.
            stream = sys.stderr if stderr else sys.stdout
            width = None if stream.isatty() or "COLUMNS" in os.environ else 1000
            self._rich[stderr] = RichConsole(
                stderr=stderr, highlight=False, emoji=False, soft_wrap=True, width=width
            )
        return self._rich[stderr]

    def say(self, text: str = "", *, style: str | None = None) -> None:
        """A result, as plain text, on standard output."""
        self._on(stderr=False).print(text, style=style, markup=False)

    def json(self, value: Any) -> None:
        """A result for a script: one JSON document on standard output."""
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def note(self, text: str, *, style: str | None = "dim") -> None:
        """A remark about what is going on, on standard error; left out when quiet."""
        if not self.quiet:
            self._on(stderr=True).print(text, style=style, markup=False)

    def warn(self, text: str) -> None:
        """Something that the user should know although the command goes on."""
        self._on(stderr=True).print(f"warning: {text}", style="yellow", markup=False)

    def output(self, line: str) -> None:
        """A line of another program, such as the scoring server's log, as it is."""
        self._on(stderr=True).print(line, markup=False, style=None)

    def problem(self, error: UserError) -> None:
        """A user's mistake: code, place, what, what to do, evidence. No traceback."""
        rich = self._on(stderr=True)
        for number, problem in enumerate(error.problems):
            if number:
                rich.print()
            rich.print(f"error {problem.code}", style="bold red", markup=False, end="")
            rich.print(f"  {problem.where}" if problem.where else "", style="bold", markup=False)
            rich.print(f"  {problem.what}", markup=False)
            if problem.details:
                for line in problem.details.rstrip().splitlines():
                    rich.print(f"    {line}", style="dim", markup=False)
            if problem.fix:
                rich.print(f"  what to do: {problem.fix}", style="green", markup=False)

    @contextmanager
    def step(self, name: str, *, lazy: bool = False) -> Iterator[Update]:
        """Draws one step while its body runs.

        Args:
            name: what is being done.
            lazy: draw it only once its body has something to say, for work that mostly is done already.

        Yields:
            a callable that takes one line about what the step is doing now.
        """
        if self.quiet:
            yield lambda _line: None
            return
        started = self._clock()
        drawn = _LiveLine(self._on(stderr=True), name)
        if not lazy:
            drawn.start()
        mark, style = "✗", "red"
        try:
            yield drawn.update
            mark, style = "✓", "green"
        except KeyboardInterrupt:
            mark, style = "-", "yellow"
            raise
        finally:
            drawn.finish(mark, style, self._clock() - started)


class _LiveLine:
    """A step on the screen: a spinner with what it does now, where there is a terminal."""

    def __init__(self, rich: RichConsole, name: str) -> None:
        self._rich, self._name = rich, name
        self._progress: Progress | None = None
        self._begun = False

    def start(self) -> None:
        self._begun = True
        if self._rich.is_terminal:
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                TextColumn("{task.fields[line]}", style="dim", markup=False),
                console=self._rich,
                transient=True,
            )
            self._progress.add_task(self._name, total=None, line="")
            self._progress.start()

    def update(self, line: str) -> None:
        if not self._begun:
            self.start()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], line=line[:_LINE_WIDTH])

    def finish(self, mark: str, style: str, seconds: float) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._begun:
            self._rich.print(mark, style=style, end=" ")
            self._rich.print(self._name, markup=False, end="")
            self._rich.print(f"  {seconds:.1f} s", style="dim", markup=False)
