"""`host_python`: asked of uv once, and again when the interpreter is another."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from toc_build.errors import ImageError
from toc_build.image import host_python as module
from toc_build.image.host_python import HostPython, host_python
from toc_build.image.store import ImageStore

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """How often uv was asked; it finds a link to this Python."""
    found: list[str] = []
    (tmp_path / "python").symlink_to(sys.executable)

    def find(minor: str, **_options: object) -> Path:
        found.append(minor)
        return tmp_path / "python"

    monkeypatch.setattr(module, "find_interpreter", find)
    return found


def test_it_is_found_once(asked: list[str], tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")

    first = host_python(MINOR, store, print)

    assert host_python(MINOR, store, print) == first
    assert asked == [MINOR]
    assert str(sys.version_info[2]) in first.version


def test_another_file_in_its_place_is_looked_at_anew(asked: list[str], tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    host_python(MINOR, store, print)
    link = tmp_path / "python"
    link.unlink()
    (tmp_path / "real").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "real").chmod(0o755)
    link.symlink_to("real")

    host_python(MINOR, store, print)

    assert len(asked) == 2


def test_a_python_that_is_ended_is_no_bug_of_ours(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'out of memory' >&2\nkill -9 $$\n")
    program.chmod(0o755)
    (tmp_path / "m.py").touch()

    with pytest.raises(ImageError, match="ended by signal 9") as caught:
        HostPython(program, "3.11").compile([(tmp_path / "m.py", "app/m.py", tmp_path / "m.pyc")])

    assert caught.value.code == "TOC-IMAGE-013"
    assert "out of memory" in str(caught.value)
