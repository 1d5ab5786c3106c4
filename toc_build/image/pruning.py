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

from toc_build.image.elf import strip

# Raised when libraries are stripped in another way, so that environments made before are not taken for new.
FORMAT = 1


@dataclass(frozen=True)
class Rule:
    """Files that go, and why they may.

    Attributes:
        pattern: of the path below the folder of packages; `**` for any folders.
        why: what they are, for `toc-build image why`.
        package: whose files they are, when they go only if nothing else asks for that package.
        only_for: the packages that may ask for it.
    """

    pattern: str
    why: str
    package: str | None = None
    only_for: frozenset[str] = frozenset()


_TENSORFLOW = frozenset({"tensorflow", "tensorflow-cpu", "tensorboard", "keras"})
_DEBUGGER = "grpc, which TensorFlow's debugger alone imports"
_INSTALLER = "setuptools, which TensorFlow requires and does not import"

RULES = (
    Rule("**/*.pyi", "type stubs"),
    Rule("_distutils_hack/**", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule(
        "ai_edge_litert/libLiteRtWebGpuAccelerator.so", "drivers for GPUs through WebGPU, which servers lack"
    ),
    Rule("ai_edge_litert/tools/apply_plugin_main", "compilers for phones' processors"),
    Rule("ai_edge_litert/vendors/**/*.so", "compilers for phones' processors"),
    Rule("clang/native/*.so", "libclang, which tensorflow requires and never imports"),
    Rule("distutils-precedence.pth", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule("grpc/**", _DEBUGGER, "grpcio", _TENSORFLOW),
    Rule("h5py/tests/**", "tests"),
    Rule("keras/src/**/*_test.py", "tests"),
    Rule("numpy/**/*.a", "static libraries"),
    Rule("numpy/**/tests/**", "tests"),
    Rule("numpy/_core/_*_tests.*.so", "tests"),
    Rule("numpy/_core/_simd.*.so", "tests of processor instructions"),
    Rule("numpy/_core/include/**", "headers"),
    Rule("opt_einsum/tests/**", "tests"),
    Rule("pkg_resources/**", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule("psutil/tests/**", "tests"),
    Rule("setuptools/**", _INSTALLER, "setuptools", _TENSORFLOW),
    Rule("tensorflow/**/*_test.py", "tests"),
    Rule("tensorflow/compiler/mlir/stablehlo/*.so", "converters for other compilers"),
    Rule("tensorflow/compiler/tf2xla/ops/_xla_ops.so", "operations that libtensorflow_cc has as well"),
    Rule("tensorflow/include/**", "headers"),
)


def rules_for(lock: str) -> tuple[Rule, ...]:
    """The rules that hold for an environment.

    Args:
        lock: the text of its lock, which says for each package who asks for it.
    """
    asking = _who_asks(lock)
    return tuple(
        rule
        for rule in RULES
        if rule.package is None or (asking.get(rule.package) and asking[rule.package] <= rule.only_for)
    )


def reason(path: str, rules: tuple[Rule, ...]) -> str | None:
    """Why a file may go, or None when it stays.

    Args:
        path: relative to the folder of packages, with `/`.
        rules: those that hold.
    """
    return next((why for matcher, why in _matchers(rules) if matcher.fullmatch(path)), None)


def prune(packages: Path, rules: tuple[Rule, ...]) -> dict[str, int]:
    """Removes files by the allow-list and symbol tables from libraries; other links to them stay as they are.

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
        why = reason(path.relative_to(packages).as_posix(), rules)
        if why is not None:
            saved[why] = saved.get(why, 0) + path.lstat().st_size
            path.unlink()
        elif ".so" in path.name and not path.is_symlink():
            saved["symbol tables"] = saved.get("symbol tables", 0) + strip(path)
    for here, _, _ in os.walk(packages, topdown=False):
        if here != str(packages) and not os.listdir(here):  # noqa: PTH208 - a name is all it looks for
            Path(here).rmdir()
    return dict(sorted(saved.items()))


@cache
def _matchers(rules: tuple[Rule, ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_expression(rule.pattern)), rule.why) for rule in rules)


def _who_asks(lock: str) -> dict[str, set[str]]:
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
