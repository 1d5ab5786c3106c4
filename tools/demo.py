"""The whole way as a user goes it: bake, fill in a detector, lock, test, deploy locally, score, draw.

Run by `python3 dev.py demo`. Everything is made in `demo/` of this checkout, anew each time; the service is
stopped at the end unless `--keep` is given.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "river-litter"
DEMO = ROOT / "demo"
REPOSITORY = DEMO / "river-litter"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
DEFAULT_PORT = 8890
# What makes the starter of a fresh bake this detector: all that a user writes.
FILLED_IN = ("scoring", "model", "samples", "tests")


def run(*command: str, cwd: Path = REPOSITORY) -> None:
    """Shows a command as a user would type it, and runs it; its failure ends the demo."""
    shown = " ".join(Path(word).name if word == command[0] else word for word in command)
    print(f"\n$ {shown}", flush=True)
    # This interpreter has the checkout's toc-build, which the noxfile's header would install again.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "NOX_SCRIPT_MODE": "none"}
    done = subprocess.run(command, cwd=cwd, check=False, env=environment)
    if done.returncode:
        sys.exit(done.returncode)


def choose_port() -> None:
    """Has deploy.yml name a free port when something listens there already."""
    for port in (DEFAULT_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            free = int(probe.getsockname()[1])
            break
    if free != DEFAULT_PORT:
        print(f"(port {DEFAULT_PORT} is taken; deploy.yml gets port {free})", flush=True)
        deploy_yml = REPOSITORY / "deploy.yml"
        deploy_yml.write_text(deploy_yml.read_text().replace(str(DEFAULT_PORT), str(free)))


def fill_in() -> None:
    """Puts the river-litter detector where the starter of the fresh bake stands."""
    for name in FILLED_IN:
        shutil.rmtree(REPOSITORY / name)
        shutil.copytree(EXAMPLE / name, REPOSITORY / name, ignore=shutil.ignore_patterns("__pycache__"))
    if (
        f"python={PYTHON}" in (EXAMPLE / "conda.yml").read_text()
    ):  # its lock is for that one; others are resolved
        for name in ("conda.yml", "requirements.lock"):
            shutil.copy(EXAMPLE / name, REPOSITORY / name)


def main() -> None:
    """Goes the whole way and says how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the service running")
    keep = parser.parse_args().keep
    started = time.monotonic()
    scripts = Path(sys.executable).parent
    nox, toc_build = str(scripts / "nox"), str(scripts / "toc-build")
    if REPOSITORY.is_dir():  # an earlier demo's, perhaps still serving
        subprocess.run(
            [sys.executable, "-m", "toc_build", "delete", "-C", str(REPOSITORY)],
            check=False,
            capture_output=True,
        )
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()

    run(
        str(scripts / "cookiecutter"),
        "cookiecutter-toc-model",
        "--no-input",
        "--output-dir",
        "demo",
        "model_name=River Litter",
        "framework=tensorflow",
        "labels=bottle, can, bag, polystyrene",
        f"python_version={PYTHON}",
        cwd=ROOT,
    )
    print("\n(the detector of examples/river-litter goes into the fresh model repository)", flush=True)
    fill_in()
    choose_port()
    run(nox, "-s", "lock", "test", "deploy_local")
    samples = REPOSITORY / "samples"
    images = [
        str(path.relative_to(REPOSITORY)) for path in sorted(samples.iterdir()) if path.suffix != ".json"
    ]
    run(toc_build, "score", *images, "--draw", "drawn")
    if keep:
        print("\nit serves on; to stop it: cd demo/river-litter && nox -s delete")
    else:
        run(toc_build, "delete")
    print(f"\nThe detections above are drawn in {(REPOSITORY / 'drawn').relative_to(ROOT)}/:")
    for path in sorted((REPOSITORY / "drawn").iterdir()):
        print(f"  {path.relative_to(ROOT)}")
    print(f"It took {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
