"""Times two things in turn in one run and reports the ratio with its spread; every benchmark here uses it.

In turn, because a shared machine's speed drifts: each round times both, and the ratio is taken per round.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def seconds(action: Callable[[], object]) -> float:
    """How long `action` takes, by the wall clock."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def command(
    words: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None
) -> Callable[[], None]:
    """An action that runs a command and fails when it does."""

    def run() -> None:
        done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} exited with {done.returncode}\n{done.stdout}{done.stderr}")

    return run


def until_the_cause(words: list[str], cause: str, cwd: Path, environment: dict[str, str]) -> float:
    """Seconds until a command that must fail has said `cause` and ended."""
    started = time.perf_counter()
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if not done.returncode or cause not in done.stdout + done.stderr:
        raise SystemExit(f"{' '.join(words)} did not fail as it should\n{done.stdout}{done.stderr}")
    return took


def spread(values: Sequence[float], unit: str = "") -> str:
    """The median, and the least and greatest."""
    return f"{statistics.median(values):.3f}{unit} ({min(values):.3f} to {max(values):.3f})"


def compare(
    ours: tuple[str, Callable[[], float]],
    floor: tuple[str, Callable[[], float]],
    *,
    rounds: int = 7,
    warm_up: int = 1,
) -> None:
    """Prints both, their ratio and their difference, each with its spread over `rounds`.

    Args:
        ours: a name, and a function that does the thing once and returns the seconds that count.
        floor: the peer or the least that is possible.
        rounds: how often both are timed.
        warm_up: rounds before that are thrown away.
    """
    for _ in range(warm_up):
        ours[1](), floor[1]()
    pairs = [(ours[1](), floor[1]()) for _ in range(rounds)]
    width = max(len(ours[0]), len(floor[0]), len("difference"))
    print(f"{ours[0]:<{width}}  {spread([pair[0] for pair in pairs], ' s')}")
    print(f"{floor[0]:<{width}}  {spread([pair[1] for pair in pairs], ' s')}")
    print(f"{'ratio':<{width}}  {spread([first / second for first, second in pairs])}")
    print(f"{'difference':<{width}}  {spread([first - second for first, second in pairs], ' s')}")
    print(f"{rounds} rounds in turn, after {warm_up} to warm up; median (least to greatest)")
