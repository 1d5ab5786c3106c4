from __future__ import annotations

import queue
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from toc_build.deployment.watch import changes

SOON = 10.0


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("scoring", "model", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "deploy.yml").write_text("a: 1\n")
    return tmp_path


def test_code_configuration_and_replaced_files_are_noticed_and_nothing_else(folders: Path) -> None:
    with changes([folders / "scoring", folders / "model"], [folders / "deploy.yml"]) as found:

        def noticed(path: Path) -> set[str]:
            names: set[str] = set()
            while path.name not in names:
                names |= {changed.name for changed in found.get(timeout=SOON)}
            return names

        # A watcher needs a moment to begin: write until it has seen something, then count.
        for number in range(200):
            (folders / "scoring" / "first.py").write_text(str(number))
            try:
                found.get(timeout=0.1)
                break
            except queue.Empty:
                continue
        for number in range(200):
            (folders / "deploy.yml").write_text(f"a: {number}\n")
            try:
                if any(path.name == "deploy.yml" for path in found.get(timeout=0.1)):
                    break
            except queue.Empty:
                continue

        (folders / "tests" / "test_x.py").write_text("x")
        (folders / "README.md").write_text("x")
        (folders / "scoring" / "__pycache__").mkdir()
        (folders / "scoring" / "__pycache__" / "x.pyc").write_text("x")
        (folders / "scoring" / "detector.py").write_text("x")
        seen = noticed(folders / "scoring" / "detector.py")
        assert not seen & {"test_x.py", "README.md", "x.pyc"}

        fresh = folders / "deploy.yml.new"
        fresh.write_text("a: 2\n")
        fresh.replace(folders / "deploy.yml")  # as editors save
        assert not noticed(folders / "deploy.yml") & {"test_x.py", "README.md"}

        (folders / "model" / "deep").mkdir()
        (folders / "model" / "deep" / "weights.bin").write_text("x")
        noticed(folders / "model" / "deep")


def test_a_folder_that_is_replaced_is_watched_on(folders: Path) -> None:
    """An export that puts a whole new folder in place of `model/`."""
    model = folders / "model"
    with changes([folders / "scoring", model], [folders / "deploy.yml"]) as found:

        def noticed(write: Callable[[int], None], name: str) -> bool:
            for number in range(100):
                write(number)
                try:
                    if any(path.name == name for path in found.get(timeout=0.1)):
                        return True
                except queue.Empty:
                    continue
            return False

        assert noticed(lambda number: (model / "weights.bin").write_text(str(number)), "weights.bin")
        (folders / "new").mkdir()
        shutil.rmtree(model)
        (folders / "new").rename(model)
        assert noticed(lambda number: (model / "other.bin").write_text(str(number)), "other.bin")
        assert noticed(lambda number: (folders / "scoring" / "a.py").write_text(str(number)), "a.py")
