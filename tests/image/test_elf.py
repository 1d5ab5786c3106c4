"""`strip`: shorter libraries that still load; everything else is left alone."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from toc_build.image.elf import strip

SYMBOLS = 9000
LOADED = b"\x90" * 64


def library(*, symbols: int = SYMBOLS, order: tuple[str, ...] = (".text", ".symtab")) -> bytes:
    """A library of one segment, with a symbol table behind it."""
    names = b"\0.text\0.symtab\0.shstrtab\0"
    text_at = 64 + 56
    symbols_at = text_at + len(LOADED)
    names_at = symbols_at + symbols
    sections_at = names_at + len(names)
    sections = {
        ".text": struct.pack("<IIQQQQIIQQ", 1, 1, 6, text_at, text_at, len(LOADED), 0, 0, 16, 0),
        ".symtab": struct.pack("<IIQQQQIIQQ", 7, 2, 0, 0, symbols_at, symbols, 0, 0, 8, 24),
    }
    table = [bytes(64), *(sections[name] for name in order)]
    table.append(struct.pack("<IIQQQQIIQQ", 15, 3, 0, 0, names_at, len(names), 0, 0, 1, 0))
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\x02\x01\x01" + bytes(9), 3, 62, 1, 0, 64, sections_at, 0, 64, 56, 1, 64, len(table)),
        len(table) - 1,
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, symbols_at, symbols_at, 4096)
    return head + segment + LOADED + bytes(symbols) + names + b"".join(table)


def test_what_is_loaded_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "lib.so"
    path.write_bytes(library())

    saved = strip(path)

    after = path.read_bytes()
    assert saved > SYMBOLS - 100
    assert len(after) == len(library()) - saved
    assert after[64 : 64 + 56 + len(LOADED)] == library()[64 : 64 + 56 + len(LOADED)]
    at, count, names = (struct.unpack_from("<16sHHIQQQIHHHHHH", after)[index] for index in (6, 12, 13))
    found = [struct.unpack_from("<IIQQQQIIQQ", after, at + 64 * number) for number in range(count)]
    texts = after[found[names][4] : found[names][4] + found[names][5]]
    assert [texts[item[0] :].partition(b"\0")[0] for item in found] == [b"", b".text", b".shstrtab"]
    assert strip(path) == 0, "a second time there is nothing left to take"


def test_a_file_that_others_share_is_replaced_not_written_into(tmp_path: Path) -> None:
    path, shared = tmp_path / "lib.so", tmp_path / "uv-cache.so"
    path.write_bytes(library())
    path.chmod(0o755)
    shared.hardlink_to(path)

    assert strip(path)

    assert shared.read_bytes() == library()
    assert path.stat().st_mode & 0o777 == 0o755
    assert not list(tmp_path.glob(".lib.so*"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fELF",
        b"#!/bin/sh\n",
        b"INPUT(libother.so)\n",
        library()[:200],
        library().replace(b"\x7fELF\x02\x01", b"\x7fELF\x01\x01"),
        library().replace(b"\x7fELF\x02\x01", b"\x7fELF\x02\x02"),
        library(symbols=100),
        library(order=(".symtab", ".text")),
    ],
    ids=[
        "empty",
        "4 bytes",
        "script",
        "linker script",
        "cut off",
        "32 bits",
        "big end first",
        "too little",
        "odd order",
    ],
)
def test_what_it_does_not_understand_stays(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "lib.so"
    path.write_bytes(data)

    assert strip(path) == 0
    assert path.read_bytes() == data


@pytest.mark.skipif(sys.platform != "linux", reason="libraries of other systems are no ELF files")
def test_real_modules_still_load(tmp_path: Path) -> None:
    folder = Path(sysconfig.get_path("stdlib"), "lib-dynload")
    modules = sorted(folder.glob("_*.so"))[:25]
    assert modules, "this Python has extension modules"
    for module in modules:
        shutil.copy(module, tmp_path)
        strip(tmp_path / module.name)
    names = [module.name.partition(".")[0] for module in modules]
    load = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    load += "".join(f"import {name}\n" for name in names if name not in {"_tkinter", "_gdbm", "_dbm"})

    done = subprocess.run(
        [sys.executable, "-S", "-c", load], capture_output=True, text=True, check=False, env={**os.environ}
    )

    assert done.returncode == 0, done.stderr
