"""What a service's log says about a request that failed: the cause behind an id. `transaction` asks for it.

Every error answer of the scoring runtime holds an id, and its log tells the cause under that id: the user's
own traceback, or what is wrong with the detections.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from toc_build.errors import Problem

_IDENTITY = re.compile(r'"id": "([0-9a-f]{6,32})"')
# Where the next thing begins: a line with a time, a level, or the tool's own.
_NEXT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):|toc-build:")
_MOST_LINES = 40


def with_log(problems: Iterable[Problem], lines: Iterable[str]) -> list[Problem]:
    """The problems, each with the log's words on the first request that it names.

    Args:
        problems: of a rejected version.
        lines: the end of the service's log, oldest first.
    """
    kept = list(lines)
    found = []
    for problem in problems:
        identity = _IDENTITY.search(f"{problem.what}\n{problem.details}")
        cause = _about(identity[1], kept) if identity else []
        if cause:
            problem = replace(problem, details="\n".join([*cause, *([problem.details or ""])]).rstrip())
        found.append(problem)
    return found


def _about(identity: str, lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if identity in line:
            rest = lines[number + 1 : number + _MOST_LINES]
            end = next((index for index, text in enumerate(rest) if _NEXT.match(text)), len(rest))
            return [line, *rest[:end]]
    return []
