"""Compiles Python files for an image, with the interpreter whose version the image has.

`compile_files` starts this very file as a program in that interpreter (standard library only), in several
processes: each gets a fixed share, because what bytecode looks like depends a little on what its process
compiled before. The hash seed is fixed for the same reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

_SHARES = 8
_SHARE_BYTES = 200_000  # less than this is not worth a second process
_FAILED_WITH_ERRNO = 74
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def compile_files(interpreter: Path, files: Sequence[tuple[Path, str, Path]]) -> None:
    """Compiles files into unchecked-hash `.pyc`; one that is not valid Python is left out.

    Args:
        interpreter: of the version that will run them.
        files: source, its path in the image, and the file to write.

    Raises:
        OSError: a file cannot be read or written, as on a full disk.
        subprocess.CalledProcessError: the interpreter does not run, or was ended.
    """
    if not files:
        return
    ordered = sorted(files, key=lambda item: item[1])
    whole = sum(source.stat().st_size for source, _, _ in ordered)
    count = _SHARES if whole > _SHARE_BYTES else 1
    shares = [ordered[number::count] for number in range(count)]
    with ThreadPoolExecutor(min(count, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda share: _compile_share(interpreter, share), shares))


def pyc_name(path: str, python: str) -> str:
    """Where the interpreter looks for the bytecode of a module.

    Args:
        path: of the module, with `/`.
        python: minor version, such as `3.11`.
    """
    module = PurePosixPath(path)
    return str(module.parent / "__pycache__" / f"{module.stem}.cpython-{python.replace('.', '')}.pyc")


def _compile_share(interpreter: Path, share: Sequence[tuple[Path, str, Path]]) -> None:
    work = json.dumps([[str(source), f"/{name}", str(target)] for source, name, target in share])
    done = subprocess.run(
        [str(interpreter), "-S", "-s", "-B", "-W", "ignore", str(Path(__file__))],
        input=work,
        text=True,
        encoding="utf-8",
        env={**_ENVIRONMENT, **_kept_environment()},
        errors="replace",
        check=False,
        capture_output=True,
    )
    if done.returncode == _FAILED_WITH_ERRNO:
        number, place = json.loads(done.stdout)
        raise OSError(number, os.strerror(number), place)
    done.check_returncode()


def _kept_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}


def _main() -> None:
    """Compiles what standard input names."""
    import py_compile

    for source, name, target in json.load(sys.stdin):
        try:
            py_compile.compile(
                source,
                cfile=target,
                dfile=name,
                doraise=True,
                optimize=0,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, ValueError, RecursionError, UnicodeError):
            continue
        except OSError as error:
            sys.stdout.write(json.dumps([error.errno or 0, str(error.filename or target)]))
            sys.exit(_FAILED_WITH_ERRNO)


if __name__ == "__main__":
    _main()
