"""What a judge may ask to be told with an answer, where it cannot look at the process itself: its memory.

`handler` answers with it; `contract.rounds` asks. Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

ASKED = {"X-Toc-Report": "scorer-memory"}
MEMORY_HEADER = "X-Toc-Memory"


def memory_report(headers: Mapping[str, str]) -> dict[str, str]:
    """The header with this process's memory in bytes, for a request that asks for it; else nothing.

    Args:
        headers: of the request.
    """
    if any(headers.get(name) != value for name, value in ASKED.items()):
        return {}
    try:
        with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123 - with every answer to a judge
            pages = int(told.read().split()[1])
        return {MEMORY_HEADER: str(pages * os.sysconf("SC_PAGE_SIZE"))}
    except (OSError, ValueError, IndexError):
        return {}  # another system, which has no such file
