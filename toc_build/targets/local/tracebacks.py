"""Finds the user's own traceback in what a server printed, and cuts away the server's part.

Used by `diagnose.py`; pure text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z] \[\d+\] \S+ - ")
_HEADER = "Traceback (most recent call last):"
_CHAIN = re.compile(
    r"^(The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):$"
)
_FRAME = re.compile(r'^  File "(?P<file>.+?)", line (?P<line>\d+)(?:, in (?P<name>.+))?$')
_SERVERS_OWN = re.compile(r"^azureml_inference_server_http\.server\.user_script\.UserScript\w*")
_STACK_FRAME = re.compile(r'^  File "(?P<file>.+?)", line (?P<line>\d+) in (?P<name>.+)$')


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: str
    line: int


@dataclass(frozen=True)
class UserTraceback:
    """A traceback without the server's frames.

    Attributes:
        text: the traceback, with the exceptions that led to it.
        message: the last line: the exception's type and words.
        place: the innermost line of the user's own code, if there is one.
        phase: `import` or `init`, as far as the server said.
    """

    text: str
    message: str
    place: Place | None
    phase: str


def find_traceback(lines: Sequence[str], code: Path) -> UserTraceback | None:
    """The traceback of the first exception that left the user's code, or None.

    Args:
        lines: what the server printed.
        code: the folder of the user's code.
    """
    for start, line in enumerate(lines):
        if _HEADER not in line or line.startswith("  "):
            continue
        text = [_HEADER, *_continued(lines, start + 1)]
        blocks = list(_blocks(text))
        own_end = next((i for i, block in enumerate(blocks) if _is_servers(block)), None)
        if own_end is None:
            continue
        imported = "Import" in _message(blocks[own_end])
        kept = blocks[:own_end] or [blocks[own_end]]
        if kept[-1] and _CHAIN.match(kept[-1][-1]):
            kept[-1] = kept[-1][:-1]
        trimmed = [_trim(block, code) for block in kept]
        joined = "\n".join("\n".join(block).strip("\n") for block in trimmed)
        joined = re.sub(r"\n*\n(The above|During handling)(.*:)\n*", r"\n\n\1\2\n\n", joined)
        return UserTraceback(
            joined,
            _message(trimmed[-1]),
            _innermost(trimmed[-1], code) or next((p for b in trimmed if (p := _innermost(b, code))), None),
            "import" if imported else "init",
        )
    return None


def last_traceback(lines: Sequence[str]) -> str | None:
    """The last traceback of any kind, whole."""
    for start in range(len(lines) - 1, -1, -1):
        if _HEADER in lines[start] and not lines[start].startswith("  "):
            return "\n".join([_HEADER, *_continued(lines, start + 1)]).rstrip()
    return None


def find_stack(lines: Sequence[str], code: Path) -> tuple[str, Place | None] | None:
    """Where a hanging start stood when the watchdog wrote the stacks: the user's frames, the last."""
    marks = [i for i, line in enumerate(lines) if is_stack_mark(line)]
    for start in reversed(marks):
        threads: list[list[tuple[str, str, str]]] = []
        for line in lines[start + 1 :]:
            if "(most recent call first)" in line:
                threads.append([])
            elif (frame := _STACK_FRAME.match(line)) and threads:
                threads[-1].append((frame["file"], frame["line"], frame["name"]))
            elif line.strip() and not line.startswith("  "):
                break
        for frames in threads:
            own = [i for i, (file, _, _) in enumerate(frames) if _inside(file, code)]
            if own:
                shown = [
                    f'  File "{file}", line {line}, in {name}' for file, line, name in frames[: own[-1] + 1]
                ]
                file, line, _ = frames[own[0]]
                return "\n".join(["Stack (most recent call last):", *reversed(shown)]), Place(file, int(line))
        if threads and threads[-1]:
            shown = [f'  File "{file}", line {line}, in {name}' for file, line, name in threads[-1][:12]]
            return "\n".join(["Stack (most recent call last):", *reversed(shown)]), None
    return None


def is_stack_mark(line: str) -> bool:
    """Whether stacks start here: the watchdog's, or those of a native crash."""
    return is_crash_mark(line) or (line.startswith("Timeout (") and line.endswith(")!"))


def is_crash_mark(line: str) -> bool:
    """Whether the stacks of a native crash start here, as `faulthandler` writes them."""
    return line.startswith("Fatal Python error: ")


def plain_message(line: str) -> str:
    """A log line without the server's time, level and process."""
    return _RECORD.sub("", line)


def is_record(line: str) -> bool:
    """Whether a line starts a log record of the server's."""
    return _RECORD.match(line) is not None


def _continued(lines: Sequence[str], start: int) -> Iterator[str]:
    for line in lines[start:]:
        if is_record(line):
            return
        yield line


def _blocks(text: Sequence[str]) -> Iterator[list[str]]:
    """Split a chain into tracebacks; the sentence that joins two stays at the end of the first."""
    block: list[str] = []
    for line in text:
        block.append(line)
        if _CHAIN.match(line):
            yield block
            block = []
    yield block


def _is_servers(block: Sequence[str]) -> bool:
    return any(_SERVERS_OWN.match(line) for line in block)


def _trim(block: list[str], code: Path) -> list[str]:
    """Drop the frames above the first one in the user's code; a block without one is kept whole."""
    first = next(
        (i for i, line in enumerate(block) if (f := _FRAME.match(line)) and _inside(f["file"], code)), None
    )
    if first is None:
        return block
    head = [line for line in block[:first] if not _FRAME.match(line) and not line.startswith("    ")]
    return [*head, *block[first:]]


def _innermost(block: Sequence[str], code: Path) -> Place | None:
    found = [f for line in block if (f := _FRAME.match(line)) and _inside(f["file"], code)]
    return Place(found[-1]["file"], int(found[-1]["line"])) if found else None


def _message(block: Sequence[str]) -> str:
    """The line that names the exception: the first one after the last frame that is not indented."""
    last_frame = max((i for i, line in enumerate(block) if _FRAME.match(line)), default=0)
    for line in block[last_frame + 1 :]:
        if line and not line.startswith(" ") and not _CHAIN.match(line):
            return line
    return block[-1] if block else ""


def _inside(file: str, folder: Path) -> bool:
    return file.startswith(f"{folder}/")
