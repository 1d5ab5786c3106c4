"""Fetches the detector's weights from their npm package and writes `model/saved_model`.

    uv run training/fetch_weights.py

The package, @vladmandic/human (MIT), holds CenterNet on MobileNetV3, trained on COCO, as a TensorFlow.js graph. It
comes through npm, from whichever registry npm is told to use; without npm it is downloaded from the registry that
NPM_CONFIG_REGISTRY names, else from the public one. Package and files must have the digests below, and the converted
model must answer as TensorFlow.js does, or nothing is written.
"""
# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["tensorflow-cpu>=2.16,<3", "numpy>=1.26,<2.3.3"]
# ///

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PACKAGE, VERSION = "@vladmandic/human", "3.3.6"
PUBLIC_REGISTRY = "https://registry.npmjs.org"
# As `npm view @vladmandic/human@3.3.6 dist.integrity` says.
INTEGRITY = "sha512-Nr5mPfq1gQ+uKeXY5uM3Fj8UxvF5CEh2s6txM5wRThqaW0mF9huooOuZSrT8hhGho0hGaXLFdAwfD/2+teCv6A=="
SHA256 = {
    "package/models/centernet.json": "bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05",
    "package/models/centernet.bin": "1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef",
}
LICENCE = "package/LICENSE"
TIMEOUT = 300  # seconds for npm; for the download, seconds without a byte

INPUT, OUTPUT = "tower_0/images", "tower_0/detections"
SIDE = 512  # pixels: the network takes 512 x 512
# What TensorFlow.js 4.22 answers to `stop_sign()`: xmin, ymin, xmax, ymax, score, class of its first three finds.
REFERENCE = (
    (129.737, 92.516, 386.161, 340.732, 0.7354, 11),
    (129.737, 92.516, 386.161, 340.732, 0.4387, 25),
    (129.737, 92.516, 386.161, 340.732, 0.1465, 62),
)
MODEL = Path(__file__).parent.parent / "model"


class FetchError(Exception):
    """The weights cannot be had, or are not the ones this example was written for; says what to do."""


def fetch_package() -> bytes:
    """The package's tarball, through npm where it is installed.

    Raises:
        FetchError: it cannot be downloaded.
    """
    npm = shutil.which("npm")
    with tempfile.TemporaryDirectory() as folder:
        if npm is None:
            return _download()
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", folder, "--loglevel", "error"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            raise FetchError(_advice(f"npm did not finish in {TIMEOUT} seconds")) from None
        tarballs = list(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or len(tarballs) != 1:
            # Its own words, without the JavaScript traceback.
            lines = done.stderr.splitlines()
            said = [line for line in lines if line.strip() and not line.startswith("npm error     at ")]
            raise FetchError(_advice("npm pack failed:\n" + "\n".join(said[:5])))
        return tarballs[0].read_bytes()


def _download() -> bytes:
    named = [os.environ[name] for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry") if os.environ.get(name)]
    registry = named[0] if named else PUBLIC_REGISTRY
    url = f"{registry.rstrip('/')}/{PACKAGE}/-/{PACKAGE.split('/')[-1]}-{VERSION}.tgz"
    if not url.startswith(("https://", "http://")):
        raise FetchError(f"NPM_CONFIG_REGISTRY is {registry!r}; it must be a http or https address.")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as error:
        raise FetchError(_advice(f"npm is not installed, and the download failed: {error}")) from None


def _advice(what: str) -> str:
    return (
        f"{PACKAGE} {VERSION} could not be fetched: {what}\n"
        "  -> It needs a network once. Behind a mirror, set NPM_CONFIG_REGISTRY; where there is no network, bring the\n"
        f"     file that `npm pack {PACKAGE}@{VERSION}` writes elsewhere and give it with --tarball FILE."
    )


def unpack(tarball: bytes) -> dict[str, bytes]:
    """The model's files and the licence, by their names in the package.

    Raises:
        FetchError: the tarball or a file in it is not the one expected.
    """
    digest = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if digest != INTEGRITY:
        raise FetchError(
            f"the package has the digest\n  {digest}, expected is\n  {INTEGRITY}\n"
            f"  -> It is damaged, or it is not {PACKAGE} {VERSION}. Nothing was written; fetch it again."
        )
    files = {}
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        for name in (*SHA256, LICENCE):
            member = archive.extractfile(name)
            if member is None:
                raise FetchError(f"the package holds no file {name}")
            files[name] = member.read()
    for name, expected in SHA256.items():
        found = hashlib.sha256(files[name]).hexdigest()
        if found != expected:
            raise FetchError(f"{name} has the sha256 {found}, expected is {expected}")
    return files


def convert(graph: bytes, weights: bytes) -> Any:
    """The network as a TensorFlow function: RGB (1, 512, 512, 3) from 0 to 255 -> (1, 100, 6).

    A row is xmin, ymin, xmax, ymax in pixels, score, class from 0 to 79; rows come in falling order of the score.
    """
    # Only now: a failed download should not wait for TensorFlow to load.
    from tfjs_graph import read_weights, to_function, to_graph_def

    model = json.loads(graph)
    values = read_weights(model["weightsManifest"], weights)
    return to_function(to_graph_def(model["modelTopology"], values), INPUT, OUTPUT)


def stop_sign() -> NDArray[np.float32]:
    """A drawn stop sign, RGB (512, 512, 3) from 0 to 255: what the converted network is tried on."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) - SIDE // 2
    across, along = np.abs(x), np.abs(y + 40)
    octagon = np.maximum(np.maximum(across, along), (across + along) / np.float32(1.41421))
    picture = np.empty((SIDE, SIDE, 3), np.float32)
    picture[:] = (150, 190, 230)
    picture[(across < 9) & (y > 0)] = (120, 120, 120)
    picture[octagon < 130] = (245, 245, 245)
    picture[octagon < 121] = (190, 20, 30)
    return picture


def check_answer(rows: NDArray[np.float32]) -> None:
    """Compares the answer to `stop_sign()` with TensorFlow.js's.

    Args:
        rows: (100, 6) as from `convert`.

    Raises:
        FetchError: it is another answer.
    """
    # Half a pixel, and half a percent of score: other processors round differently.
    tolerance = np.array((0.5, 0.5, 0.5, 0.5, 0.005, 0.0))
    off = np.abs(rows[: len(REFERENCE)] - np.array(REFERENCE))
    if not (off <= tolerance).all():
        raise FetchError(
            "the converted model does not answer as the original does.\n"
            f"  answered: {rows[: len(REFERENCE)].round(3).tolist()}\n  expected: {REFERENCE}"
        )


def write_model(function: Any, licence: bytes, folder: Path) -> int:
    """Writes `saved_model/` and the weights' licence into `folder`; complete, or not at all.

    Returns:
        The SavedModel's size in bytes.
    """
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".part-*"):  # by a run that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:

        class CenterNet(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32, "picture")])
            def detect(self, picture: tf.Tensor) -> dict[str, tf.Tensor]:
                return {"detections": function(picture)}

        module = CenterNet()
        made = Path(part, "saved_model")
        tf.saved_model.save(module, str(made), signatures={"serving_default": module.detect})
        answer = tf.saved_model.load(str(made)).signatures["serving_default"](tf.constant(stop_sign()[np.newaxis]))
        check_answer(answer["detections"].numpy()[0])
        (folder / "LICENSE.centernet").write_bytes(licence)
        final = folder / "saved_model"
        if final.exists():
            final.rename(Path(part, "old"))
        made.rename(final)
    return sum(file.stat().st_size for file in final.rglob("*") if file.is_file())


def main() -> int:
    """Fetches, checks, converts, checks, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tarball", type=Path, help="the package's file, when it is already here")
    parser.add_argument("--force", action="store_true", help="also when model/saved_model is there")
    parser.add_argument("--out", type=Path, default=MODEL, help="folder that gets saved_model/")
    arguments = parser.parse_args()
    if (arguments.out / "saved_model" / "saved_model.pb").exists() and not arguments.force:
        print(f"{arguments.out / 'saved_model'} is there already; --force fetches it again")
        return 0
    try:
        if arguments.tarball and not arguments.tarball.is_file():
            raise FetchError(f"--tarball {arguments.tarball}: there is no such file")
        files = unpack(arguments.tarball.read_bytes() if arguments.tarball else fetch_package())
        function = convert(*(files[name] for name in SHA256))
        size = write_model(function, files[LICENCE], arguments.out)
    except FetchError as error:
        print(f"fetch_weights: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.out / 'saved_model'}: {size / 1e6:.1f} MB, answers as the original does")
    return 0


if __name__ == "__main__":
    sys.exit(main())
