"""What a builder wrote about a package of pure Python: the same, whatever built it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.image.source_packages import SOURCE_ONLY, locked_names, settle

OLD = "Metadata-Version: 2.1\nName: fusepy\nVersion: 3.0.1\nLicense: ISC\nClassifier: A\nPlatform: a\n\nhi\n"
NEW = "Metadata-Version: 2.4\nName: fusepy\nVersion: 3.0.1\nClassifier: A\nLicense: ISC\nDynamic: license\n"


def install(packages: Path, metadata: str, generator: str, module: str = "fuse.py") -> Path:
    info = packages / "fusepy-3.0.1.dist-info"
    info.mkdir(parents=True)
    (packages / module).write_text("X = 1\n")
    (info / "METADATA").write_text(metadata)
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: {generator}\nTag: py2-none-any\n")
    (info / f"{generator}.txt").touch()
    (info / "RECORD").write_text(
        f"{module},sha256=abc,6\n{info.name}/METADATA,sha256=def,9\n{info.name}/{generator}.txt,,\n"
        f"{info.name}/WHEEL,sha256=ghi,9\n{info.name}/RECORD,,\n"
    )
    return info


def test_two_builders_leave_the_same(tmp_path: Path) -> None:
    old = install(tmp_path / "old", OLD, "bdist_wheel")
    new = install(tmp_path / "new", NEW, "setuptools")

    assert settle(tmp_path / "old") is settle(tmp_path / "new") is None

    for file in ("METADATA", "WHEEL"):
        assert (old / file).read_bytes() == (new / file).read_bytes()
        assert {path.name for path in old.iterdir()} == {"METADATA", "RECORD", "WHEEL"}
    assert "License: ISC" in (old / "METADATA").read_text()
    assert f"{old.name}/METADATA,sha256=,0" in (old / "RECORD").read_text()


def test_compiled_code_is_named(tmp_path: Path) -> None:
    install(tmp_path, OLD, "setuptools", "fuse.so")

    assert settle(tmp_path) == "fusepy==3.0.1"


@pytest.mark.parametrize("name", sorted(SOURCE_ONLY))
def test_names_of_a_lock(name: str) -> None:
    lock = f"{name.upper()}==3.0.1 \\\n    --hash=sha256:0\nA_b.c[x]==1\n# no==comment\n"
    assert locked_names(lock) == sorted(["a-b-c", name])
