"""One change of a service at a time."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from toc_build.errors import TargetError
from toc_build.targets.azure.lock import held


def test_the_second_is_told_who_and_since_when(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "one.lock"
    with held(path, "deployment"):
        with pytest.raises(TargetError, match=r"deployment, since 20") as raised, held(path, "delete"):
            pass
        assert raised.value.code == "TOC-TARGET-004"
    with held(path, "delete"):
        pass


def _die_holding(path: Path) -> None:
    import os

    with held(path, "deployment"):
        os._exit(9)


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    process = multiprocessing.get_context("spawn").Process(target=_die_holding, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    with held(path, "deployment"):
        pass
