"""`compile_files`: the same bytes whatever the hash seed and the company a file is compiled in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from toc_build.image import bytecode
from toc_build.image.bytecode import compile_files, pyc_name

SOURCE = "def f(x):\n    return x in {'a', 'b', 'c', 'd'} and x != 'shared-text'\n"


def compiled(folder: Path, *names: str) -> dict[str, bytes]:
    work = []
    for name in names:
        source = folder / name
        source.write_text(SOURCE if not name.startswith("bad") else "def :\n")
        work.append((source, f"app/{name}", folder / f"{name}c"))
    compile_files(Path(sys.executable), work)
    return {name: (folder / f"{name}c").read_bytes() for name in names if (folder / f"{name}c").is_file()}


def test_two_runs_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        found.append(compiled(folder, *(f"m{number}.py" for number in range(20))))

    assert found[0] == found[1]
    assert len(found[0]) == 20


def test_what_is_not_python_is_left_out(tmp_path: Path) -> None:
    assert list(compiled(tmp_path, "bad.py", "good.py")) == ["good.py"]


def test_several_processes_share_much_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = compiled(tmp_path, *(f"m{number}.py" for number in range(9)))
    monkeypatch.setattr(bytecode, "_SHARE_BYTES", 1)

    assert compiled(tmp_path, *(f"m{number}.py" for number in range(9))) == one


def test_the_file_names_its_source_in_the_image(tmp_path: Path) -> None:
    assert b"/app/m.py" in compiled(tmp_path, "m.py")["m.py"]


def test_the_interpreter_finds_it_where_its_name_says(tmp_path: Path) -> None:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    source = tmp_path / "pkg" / "mod.py"
    source.parent.mkdir()
    source.write_text("print(__cached__)\n")
    compile_files(Path(sys.executable), [(source, "pkg/mod.py", tmp_path / pyc_name("pkg/mod.py", minor))])
    source.write_text("print('the source was read')\n")  # unchecked: nobody looks

    done = subprocess.run(
        [sys.executable, "-c", "import pkg.mod"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert "mod.cpython" in done.stdout


def test_a_file_that_cannot_be_written_is_told_as_any_other(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text(SOURCE)
    (tmp_path / "a-file").touch()

    with pytest.raises(NotADirectoryError) as caught:
        compile_files(Path(sys.executable), [(source, "app/m.py", tmp_path / "a-file" / "m.pyc")])

    assert str(tmp_path / "a-file") in str(caught.value.filename)
