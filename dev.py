"""Runs a nox session of this project on a machine that has nothing but Python: `python3 dev.py demo`.

It keeps nox and uv in `.venv/` beside this file (made on first use, made again when the pins below change)
and passes its arguments on: a word is a session, anything else goes to nox as it is. Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PINS = ["nox>=2025.5.1,<2027", "uv>=0.9,<1"]
OLDEST, TOO_NEW = (3, 10), (3, 14)


def tools() -> Path:
    """The folder of nox and uv, installed if they are not there yet."""
    bin_dir = VENV / ("Scripts" if os.name == "nt" else "bin")
    stamp = VENV / "dev.stamp"
    wanted = "\n".join([*PINS, sys.version])
    if stamp.is_file() and stamp.read_text() == wanted:
        return bin_dir
    print(f"dev.py: installing {' and '.join(PINS)} into {VENV.name}/", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([str(bin_dir / "python"), "-m", "pip", "install", "--quiet", *PINS], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"dev.py: {' '.join(map(str, error.cmd))} failed (see above).\n"
            "It needs Python's venv module (Debian, Ubuntu: apt install python3-venv) and a way to PyPI."
        )
    stamp.write_text(wanted)
    return bin_dir


def main(arguments: list[str]) -> int:
    """Runs nox with `arguments`; a leading word that is no option is taken as the session."""
    if not OLDEST <= sys.version_info < TOO_NEW:
        sys.exit(f"dev.py: this is Python {sys.version.split()[0]}; toc-build needs 3.10 to 3.13.")
    if arguments and not arguments[0].startswith("-"):
        arguments = ["-s", *arguments]
    bin_dir = tools()
    environment = {**os.environ, "PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        return subprocess.run(
            [str(bin_dir / "nox"), "-f", str(ROOT / "noxfile.py"), *arguments], env=environment, check=False
        ).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
