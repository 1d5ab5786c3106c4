"""Takes symbol tables and debug sections off shared libraries, without moving a byte of what is loaded.

`pruning` calls it. GNU strip lays a library out anew, which breaks those that auditwheel has patched, and
runs only where it is installed; this cuts off what stands behind the last loaded segment and nothing else,
and does so for any processor's libraries on any machine.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_ELF64_LITTLE = b"\x7fELF\x02\x01"
_LOADED = 0x2  # SHF_ALLOC
_STRINGS = 3  # SHT_STRTAB
_WORTH = 4096  # bytes; less is not worth a copy
_COPY = 1 << 20


def strip(path: Path) -> int:
    """Replaces the library by one without symbol tables, where that is safe and worth it.

    The file is replaced, never written into: others may share it by a hard link.

    Returns:
        By how many bytes it became smaller; 0 when it was left as it is.

    Raises:
        OSError: the file cannot be read or replaced.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        try:
            found = _stripped(stream)
        except (struct.error, ValueError, IndexError):  # not a library that we understand
            return 0
        if found is None:
            return 0
        header, end, tail = found
        if size - (end + len(tail)) < _WORTH:
            return 0
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with part.open("wb") as target:
                target.write(header)
                stream.seek(len(header))
                left = end - len(header)
                while left > 0:
                    data = stream.read(min(_COPY, left))
                    left -= len(data) or left
                    target.write(data)
                target.seek(end)
                target.write(tail)
            part.chmod(path.stat().st_mode & 0o777)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return size - end - len(tail)


def _stripped(stream: IO[bytes]) -> tuple[bytes, int, bytes] | None:
    """The new header, where the loaded part ends, and what to write behind it; None to leave it alone."""
    fields = list(_HEADER.unpack(stream.read(_HEADER.size)))
    if not fields[0].startswith(_ELF64_LITTLE):
        return None
    segments_at, sections_at = fields[5], fields[6]
    segment_count, section_count, names_index = fields[10], fields[12], fields[13]
    if not (segment_count and section_count and fields[9] == _SEGMENT.size and fields[11] == _SECTION.size):
        return None
    segments = _table(stream, _SEGMENT, segments_at, segment_count)
    sections = _table(stream, _SECTION, sections_at, section_count)
    end = max(segments_at + _SEGMENT.size * segment_count, *(item[2] + item[5] for item in segments))
    end = -(-end // 8) * 8
    kept = sections[:1] + [section for section in sections[1:] if section[2] & _LOADED]
    if kept != sections[: len(kept)]:  # numbers of sections would change, and symbols name them by number
        return None
    names = sections[names_index]
    stream.seek(names[4])
    texts = stream.read(names[5])
    table = bytearray(b"\0")
    renamed = []
    for section in kept:
        text = texts[section[0] : texts.index(b"\0", section[0])]
        renamed.append((len(table) if text else 0, *section[1:]))
        table += text + b"\0" if text else b""
    own_name = len(table)
    table += b".shstrtab\0"
    renamed.append((own_name, _STRINGS, 0, 0, end, len(table), 0, 0, 1, 0))
    table += bytes(-len(table) % 8)
    fields[6], fields[12], fields[13] = end + len(table), len(renamed), len(renamed) - 1
    tail = bytes(table) + b"".join(_SECTION.pack(*section) for section in renamed)
    return _HEADER.pack(*fields), end, tail


def _table(stream: IO[bytes], form: struct.Struct, at: int, count: int) -> list[tuple[int, ...]]:
    stream.seek(at)
    return [form.unpack(stream.read(form.size)) for _ in range(count)]
