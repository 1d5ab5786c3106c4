"""What of a scoring environment no scorer needs: an allow-list, package by package, and symbol tables.

`environment_layer` calls `prune` on the folder of installed packages. Only what is named here goes: deleting
every folder called `tests`, say, breaks TensorFlow, which imports some of its own. A reference score
before and after (`reference`) checks each environment that is made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from toc_build.image.bytecode import pyc_name
from toc_build.image.elf import strip

# Raised when something else is done to the files, so that environments made before are not taken for new.
FORMAT = 2


@dataclass(frozen=True)
class Rule:
    """Files that go, and why they may.

    Attributes:
        pattern: of the path below the folder of packages; `**` for any folders.
        why: what they are, for `toc-build image why`.
        package: whose files they are, when they go only if nothing else asks for that package.
        only_for: the packages that may ask for it.
        through: packages that may stand between it and those, asked for by nobody else either.
        unless: a package that uses the files; they stay where it is in the lock.
        compiled: whether the bytecode stays, where the source was: tracebacks then name the line without
            its text. Never for an `__init__.py`, where they would show the text of another one.
    """

    pattern: str
    why: str
    package: str | None = None
    only_for: frozenset[str] = frozenset()
    through: frozenset[str] = frozenset()
    unless: str | None = None
    compiled: bool = False


_TENSORFLOW = frozenset({"tensorflow", "tensorflow-cpu", "tensorboard", "keras"})
_SCHEMA = frozenset({"inference-schema"})
_RICH = frozenset({"rich", "markdown-it-py"})
_CFFI = "cffi's compiler, which cryptography requires and does not import"
_COLOURS = "colours for source code and Markdown, which rich can show and keras does not ask it to"
_GENERATED = "source that a program wrote; its bytecode stays"
_TRAINING = "source of what TensorFlow trains and debugs with; its bytecode stays"
_OTHER_BACKENDS = "keras for other frameworks than the lock's"
_UPGRADE = "TensorFlow's converter of programs written for TensorFlow 1"
_DEBUGGER = "grpc, which TensorFlow's debugger alone imports"
_INSTALLER = "setuptools, which TensorFlow requires and does not import"

RULES = (
    Rule("**/*.pxd", "declarations for compilers"),
    Rule("**/*.pyi", "type stubs"),
    Rule("_distutils_hack/**", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule(
        "ai_edge_litert/libLiteRtWebGpuAccelerator.so", "drivers for GPUs through WebGPU, which servers lack"
    ),
    Rule("ai_edge_litert/tools/apply_plugin_main", "compilers for phones' processors"),
    Rule("ai_edge_litert/vendors/**/*.so", "compilers for phones' processors"),
    Rule("cffi/**", _CFFI, "cffi", frozenset({"cryptography"})),
    Rule("clang/native/*.so", "libclang, which tensorflow requires and never imports"),
    Rule("distutils-precedence.pth", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule("grpc/**", _DEBUGGER, "grpcio", _TENSORFLOW),
    Rule("h5py/tests/**", "tests"),
    Rule("keras/src/**/*_test.py", "tests"),
    Rule("keras/src/backend/jax/**", _OTHER_BACKENDS, unless="jax"),
    Rule("keras/src/backend/openvino/**", _OTHER_BACKENDS, unless="openvino"),
    Rule("keras/src/backend/torch/**", _OTHER_BACKENDS, unless="torch"),
    Rule("markdown_it/**", _COLOURS, "markdown-it-py", _TENSORFLOW, _RICH),
    Rule("mdurl/**", _COLOURS, "mdurl", _TENSORFLOW, _RICH),
    Rule("numpy/**/*.a", "static libraries"),
    Rule("numpy/**/tests/**", "tests"),
    Rule("numpy/_core/_*_tests.*.so", "tests"),
    Rule("numpy/_core/_simd.*.so", "tests of processor instructions"),
    Rule("numpy/_core/include/**", "headers"),
    Rule("numpy/distutils/**", "what compiles extensions"),
    Rule("numpy/f2py/**", "what compiles extensions"),
    Rule("opt_einsum/tests/**", "tests"),
    Rule("pasta/**", _UPGRADE, "google-pasta", _TENSORFLOW),
    Rule("pkg_resources/**", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule("psutil/tests/**", "tests"),
    Rule("pycparser/**", _CFFI, "pycparser", frozenset({"cryptography"}), frozenset({"cffi"})),
    Rule("pygments/**", _COLOURS, "pygments", _TENSORFLOW, _RICH),
    Rule("pytz/**", "pytz, which inference-schema requires and never imports", "pytz", _SCHEMA),
    Rule("setuptools/**", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule("tensorflow/**/*_pb2.py", _GENERATED, compiled=True),
    Rule("tensorflow/**/*_test.py", "tests"),
    Rule("tensorflow/**/kernel_tests/**", "tests"),
    Rule("tensorflow/**/ops/gen_*.py", _GENERATED, compiled=True),
    Rule("tensorflow/compiler/mlir/stablehlo/*.so", "converters for other compilers"),
    Rule("tensorflow/compiler/tf2xla/ops/_xla_ops.so", "operations that libtensorflow_cc has as well"),
    Rule("tensorflow/dtensor/python/**/*.py", _TRAINING, compiled=True),
    Rule("tensorflow/include/**", "headers"),
    Rule("tensorflow/lite/python/schema_py_generated.py", _GENERATED, compiled=True),
    Rule("tensorflow/python/debug/**/*.py", _TRAINING, compiled=True),
    Rule("tensorflow/python/distribute/**/*.py", _TRAINING, compiled=True),
    Rule("tensorflow/python/keras/**/*.py", _TRAINING, compiled=True),
    Rule("tensorflow/python/tpu/**/*.py", _TRAINING, compiled=True),
    Rule("tensorflow/tools/compatibility/ast_edits.py", _UPGRADE),
    Rule("tensorflow/tools/compatibility/tf_upgrade*.py", _UPGRADE),
    Rule("tensorflow/xla_aot_runtime_src/**", "sources for models compiled ahead of time"),
    Rule("wheel/**", _INSTALLER, "wheel", _TENSORFLOW, frozenset({"astunparse"})),
)


def rules_for(lock: str) -> tuple[Rule, ...]:
    """The rules that hold for an environment.

    Args:
        lock: the text of its lock, which says for each package who asks for it.
    """
    asking = who_asks(lock)

    def nobody_else_asks(package: str, rule: Rule) -> bool:
        askers = asking.get(package, set())
        return bool(askers) and all(
            name in rule.only_for or (name in rule.through and nobody_else_asks(name, rule))
            for name in askers
        )

    return tuple(
        rule
        for rule in RULES
        if (rule.package is None or nobody_else_asks(rule.package, rule)) and rule.unless not in asking
    )


def reason(path: str, rules: tuple[Rule, ...]) -> str | None:
    """Why a file may go, or None when it stays.

    Args:
        path: relative to the folder of packages, with `/`.
        rules: those that hold.
    """
    rule = _rule(path, rules)
    return rule.why if rule else None


def bytecode_of(path: str, python: str, rules: tuple[Rule, ...]) -> str | None:
    """Where the bytecode of a module goes: beside the source or in its place; None when the module goes.

    Args:
        path: of the module, relative to the folder of packages.
        python: minor version, such as `3.11`.
        rules: those that hold.
    """
    rule = _rule(path, rules)
    if rule is None:
        return pyc_name(path, python)
    return f"{path}c" if rule.compiled else None


def prune(packages: Path, rules: tuple[Rule, ...]) -> dict[str, int]:
    """Removes files by the allow-list and symbol tables from libraries; other links to them stay as they are.

    Call it when everything is compiled: a source whose bytecode should stay, and is not there, stays too.

    Args:
        packages: the folder of installed packages.
        rules: those that hold.

    Returns:
        How many bytes went, by `Rule.why` and `symbol tables`.

    Raises:
        OSError: a file cannot be removed or replaced.
    """
    saved: dict[str, int] = {}
    for path in list(files_below(packages)):
        rule = _rule(path.relative_to(packages).as_posix(), rules)
        if rule is not None and (not rule.compiled or path.with_suffix(".pyc").exists()):
            saved[rule.why] = saved.get(rule.why, 0) + path.lstat().st_size
            path.unlink()
        elif ".so" in path.name and not path.is_symlink():
            saved["symbol tables"] = saved.get("symbol tables", 0) + strip(path)
    for here, _, _ in os.walk(packages, topdown=False):
        if here != str(packages) and not os.listdir(here):  # noqa: PTH208 - a name is all it looks for
            Path(here).rmdir()
    return dict(sorted(saved.items()))


def _rule(path: str, rules: tuple[Rule, ...]) -> Rule | None:
    init = path.endswith("/__init__.py")
    return next(
        (
            rule
            for matcher, rule in _matchers(rules)
            if matcher.fullmatch(path) and not (init and rule.compiled)
        ),
        None,
    )


@cache
def _matchers(rules: tuple[Rule, ...]) -> tuple[tuple[re.Pattern[str], Rule], ...]:
    return tuple((re.compile(_expression(rule.pattern)), rule) for rule in rules)


def who_asks(lock: str) -> dict[str, set[str]]:
    """For each package of a lock the packages, or the user's own file, that ask for it."""
    found: dict[str, set[str]] = {}
    asked: set[str] = set()
    for line in lock.splitlines():
        if pin := re.match(r"([A-Za-z0-9._-]+)==", line):
            asked = found.setdefault(re.sub(r"[-_.]+", "-", pin[1]).lower(), set())
        elif via := re.match(r" +# (?:via|  ) *(\S*)$", line):
            asked.update(filter(None, [via[1]]))
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """Every file and link below a folder, sorted."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield Path(here, name)


def _expression(pattern: str) -> str:
    """The regular expression of a pattern with `*` within a name and `**` for any folders."""
    pieces = re.split(r"(\*\*/|/\*\*$|\*)", pattern)
    known = {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*"}
    return "".join(known.get(piece, re.escape(piece)) for piece in pieces)
