"""`prune`: what the allow-list names goes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from toc_build.image.pruning import RULES, bytecode_of, prune, reason, rules_for

ALWAYS = rules_for("")
LOCK = """\
# made by toc-build
grpcio==1.85.3 \\
    --hash=sha256:{zeros}
    # via {{grpc}}
setuptools==84.2.1 \\
    --hash=sha256:{zeros}
    # via
    #   tensorboard
    #   {{setuptools}}
tensorflow-cpu==2.21.0 \\
    --hash=sha256:{zeros}
    # via conda.yml
""".format(zeros="0" * 64)
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
    assert reason(path, ALWAYS)


@pytest.mark.parametrize("path", STAYS)
def test_what_a_scorer_may_need_stays(path: str) -> None:
    assert reason(path, ALWAYS) is None


def test_a_folder_that_is_empty_then_goes_as_well(tmp_path: Path) -> None:
    for path in (*GOES, *STAYS):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"12345")

    saved = prune(tmp_path, ALWAYS)

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

    prune(tmp_path / "packages", ALWAYS)

    assert shared.read_text() == "x: int"


def test_every_rule_says_why() -> None:
    assert all(rule.why and not rule.why.endswith(".") for rule in RULES)
    assert [rule.pattern for rule in RULES] == sorted(rule.pattern for rule in RULES)


def test_what_only_tensorflow_asks_for_and_never_imports_goes() -> None:
    rules = rules_for(LOCK.format(grpc="tensorflow-cpu", setuptools="tensorflow-cpu"))

    assert reason("grpc/_cython/cygrpc.so", rules)
    assert reason("setuptools/__init__.py", rules)
    assert reason("distutils-precedence.pth", rules), "it would import what is gone"
    assert reason("grpcio-1.85.3.dist-info/METADATA", rules) is None


@pytest.mark.parametrize("other", ["conda.yml", "google-cloud-storage"])
def test_what_somebody_else_asks_for_as_well_stays(other: str) -> None:
    rules = rules_for(LOCK.format(grpc=other, setuptools=other))

    assert reason("grpc/_cython/cygrpc.so", rules) is None
    assert reason("setuptools/__init__.py", rules) is None


def test_without_a_word_about_who_asks_it_stays() -> None:
    assert reason("grpc/__init__.py", rules_for("grpcio==1.0 \\\n")) is None


def test_what_stands_between_is_asked_for_by_nobody_else_either() -> None:
    def lock(rich: str, pygments: str = "rich") -> str:
        asks = {"keras": "tensorflow-cpu", "rich": rich, "pygments": pygments}
        return "".join(f"{name}==1.0 \\\n    # via {asker}\n" for name, asker in asks.items())

    assert reason("pygments/lexers/python.py", rules_for(lock("keras")))
    for other in (lock("conda.yml"), lock("typer"), lock("keras", "conda.yml")):
        assert reason("pygments/lexers/python.py", rules_for(other)) is None


def test_a_backend_stays_with_the_package_that_it_is_for() -> None:
    path = "keras/src/backend/torch/core.py"

    assert reason(path, ALWAYS)
    assert reason(path, rules_for("torch==2.9.0 \\\n    # via conda.yml\n")) is None


def test_generated_source_goes_once_its_bytecode_is_there(tmp_path: Path) -> None:
    generated = "tensorflow/python/ops/gen_math_ops.py"
    place = tmp_path / generated
    place.parent.mkdir(parents=True)
    place.write_text("x = 1")

    assert bytecode_of(generated, "3.11", ALWAYS) == f"{generated}c"
    assert prune(tmp_path, ALWAYS) == {}  # nothing was compiled
    assert place.exists()

    place.with_suffix(".pyc").write_bytes(b"1234")
    saved = prune(tmp_path, ALWAYS)

    assert saved["source that a program wrote; its bytecode stays"] == 5
    assert [path.name for path in place.parent.iterdir()] == ["gen_math_ops.pyc"]


def test_where_bytecode_goes() -> None:
    assert (
        bytecode_of("tensorflow/python/keras/losses.py", "3.11", ALWAYS)
        == "tensorflow/python/keras/losses.pyc"
    )
    beside = "tensorflow/python/keras/__pycache__/__init__.cpython-311.pyc"
    assert bytecode_of("tensorflow/python/keras/__init__.py", "3.11", ALWAYS) == beside
    assert bytecode_of("a/b.py", "3.11", ALWAYS) == "a/__pycache__/b.cpython-311.pyc"
    assert bytecode_of("numpy/linalg/tests/test_linalg.py", "3.11", ALWAYS) is None
