"""The Python of this machine that compiles for images: found once, then known by its file. `build` asks.

Asking uv for it takes longer than writing a layer of code.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toc_build.environment.interpreters import find_interpreter
from toc_build.errors import ImageError
from toc_build.image.bytecode import compile_files
from toc_build.image.store import ImageStore, Tell


@dataclass(frozen=True)
class HostPython:
    """An interpreter of this machine.

    Attributes:
        path: of the program.
        version: exact; what its bytecode looks like may change with it.
    """

    path: Path
    version: str

    def compile(self, files: Sequence[tuple[Path, str, Path]]) -> None:
        """See `compile_files`.

        Raises:
            OSError: a file cannot be read or written, as on a full disk.
            ImageError: this Python did not run to its end.
        """
        try:
            compile_files(self.path, files)
        except subprocess.CalledProcessError as error:
            status = error.returncode
            how = f"was ended by signal {-status}" if status < 0 else f"exited with {status}"
            raise ImageError(
                f"the Python that compiles for the image {how}.",
                code="TOC-IMAGE-013",
                where=str(self.path),
                fix="signal 9 is most often the kernel's, for want of memory; else see whether that Python "
                "runs at all.",
                details=error.stderr.strip()[-2000:] or None,
            ) from None


def host_python(minor: str, store: ImageStore, tell: Tell) -> HostPython:
    """The interpreter of a minor version.

    Args:
        minor: such as `3.11`.
        store: remembers it while its file stays the same.
        tell: told when uv downloads one.

    Raises:
        EnvironmentBuildError: there is none and none could be had.
    """
    known = store.remembered("interpreters", minor)
    if known is not None:
        path = Path(str(known.get("path")))
        if _stamp(path) == known.get("stamp"):
            return HostPython(path, str(known["version"]))
    path = find_interpreter(minor, progress=tell, where="conda.yml")
    done = subprocess.run(
        [str(path), "-I", "-S", "-c", "import sys; print(sys.version_info[:])"],
        capture_output=True,
        text=True,
        check=True,
    )
    version = done.stdout.strip()
    store.remember("interpreters", minor, {"path": str(path), "stamp": _stamp(path), "version": version})
    return HostPython(path, version)


def _stamp(path: Path) -> str | None:
    """What changes when another interpreter is put in its place."""
    try:
        real = path.resolve(strict=True)
        status = real.stat()
    except OSError:
        return None
    return f"{real} {status.st_size} {status.st_mtime_ns}"
