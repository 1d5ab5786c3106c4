"""`prune`: what the allow-list names goes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.image.pruning import RULES, prune, reason

GOES = (
    "cv2/__init__.pyi",
    "clang/native/libclang.so",
    "numpy/_core/include/numpy/ndarrayobject.h",
    "numpy/linalg/tests/test_linalg.py",
    "numpy/_core/lib/libnpymath.a",
    "numpy/_core/_simd.cpython-311-x86_64-linux-gnu.so",
    "tensorflow/include/tensorflow/core/graph.h",
    "tensorflow/python/ops/math_ops_test.py",
    "keras/src/layers/core/dense_test.py",
    "h5py/tests/test_file.py",
)
STAYS = (
    "numpy/testing/__init__.py",
    "tensorflow/python/framework/test_ops.py",
    "tensorflow/python/ops/ragged/tests/__init__.py",
    "tensorflow/libtensorflow_cc.so.2",
    "someones/tests/data.py",
    "someones/include/shader.h",
    "someones/model_test.py",
    "numpy_extra/tests/test_it.py",
    "clang/cindex.py",
    "cv2/py.typed",
)


@pytest.mark.parametrize("path", GOES)
def test_what_no_scorer_needs_goes(path: str) -> None:
    assert reason(path)


@pytest.mark.parametrize("path", STAYS)
def test_what_a_scorer_may_need_stays(path: str) -> None:
    assert reason(path) is None


def test_a_folder_that_is_empty_then_goes_as_well(tmp_path: Path) -> None:
    for path in (*GOES, *STAYS):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"12345")

    saved = prune(tmp_path)

    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(STAYS)
    assert not (tmp_path / "tensorflow/include").exists()
    assert sum(saved.values()) == 5 * len(GOES)
    assert saved["headers"] == 10


def test_a_file_that_others_share_stays_with_them(tmp_path: Path) -> None:
    shared = tmp_path / "cache.pyi"
    shared.write_text("x: int")
    place = tmp_path / "packages" / "a" / "b.pyi"
    place.parent.mkdir(parents=True)
    place.hardlink_to(shared)

    prune(tmp_path / "packages")

    assert shared.read_text() == "x: int"


def test_every_rule_says_why() -> None:
    assert all(rule.why and not rule.why.endswith(".") for rule in RULES)
    assert [rule.pattern for rule in RULES] == sorted(rule.pattern for rule in RULES)
