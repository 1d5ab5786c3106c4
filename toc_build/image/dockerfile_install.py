"""Makes a scoring environment inside a Dockerfile's build: pip, pruning, bytecode. Standard library and pip.

`dockerfile` copies this into the build context as `tools/install.py`, beside the modules it imports.

    install.py LOCK PACKAGES [--whole]   install the lock into the folder PACKAGES, prune, compile
    install.py --compile FOLDER          compile the Python files below FOLDER
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from toc_build.image.bytecode import compile_files
from toc_build.image.pruning import Rule, bytecode_of, files_below, prune, rules_for
from toc_build.image.source_packages import SOURCE_ONLY

CERTIFICATES = Path("/run/secrets/ca")


def main() -> None:
    """Do what the arguments say."""
    if sys.argv[1] == "--compile":
        compile_below(Path(sys.argv[2]))
        return
    lock, packages = sys.argv[1], Path(sys.argv[2])
    install(lock, packages)
    rules = () if "--whole" in sys.argv else rules_for(Path(lock).read_text(encoding="utf-8"))
    compile_below(packages, rules)
    if rules:
        saved = sum(prune(packages, rules).values())
        sys.stdout.write(f"left out {saved / 1e6:.0f} MB that no scorer needs\n")


def install(lock: str, packages: Path) -> None:
    """The lock's wheels, by hash; with the extra certificates where the build was given some."""
    environment = dict(os.environ)
    if CERTIFICATES.is_file() and CERTIFICATES.stat().st_size:
        environment["PIP_CERT"] = str(CERTIFICATES)
    command = ["-m", "pip", "install", "--disable-pip-version-check", "--root-user-action=ignore"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
    command += [f"--no-binary={name}" for name in sorted(SOURCE_ONLY)]  # Python alone, and without a wheel
    # The lock is for this Python; uv, which made it, reads no upper bounds of a package, and pip does.
    command += ["--ignore-requires-python"]
    subprocess.run(
        [sys.executable, *command, f"--target={packages}", f"--requirement={lock}"],
        check=True,
        env=environment,
    )
    for path in files_below(packages / "bin"):  # scripts that name this stage's interpreter
        path.unlink()


def compile_below(folder: Path, rules: tuple[Rule, ...] = ()) -> None:
    """Bytecode for every Python file that stays, as the image's interpreter reads it."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    work = []
    for source in files_below(folder):
        if source.suffix != ".py":
            continue
        if target := bytecode_of(source.relative_to(folder).as_posix(), minor, rules):
            work.append((source, source.as_posix().lstrip("/"), folder / target))
    compile_files(Path(sys.executable), work)


if __name__ == "__main__":
    main()
