"""Trains the river-litter detector on pictures that it makes itself, and exports `model/saved_model`.

    uv run training/train.py

About a quarter of an hour on two cores that have nothing else to do. Then `uv run training/evaluate.py` measures what
came out.
"""
# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["tensorflow-cpu>=2.21,<2.22", "numpy>=1.26,<2.3.3", "opencv-python-headless>=4.10"]
# ///

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

import numpy as np

from crops import batches, make_scenes
from river_images import LABELS

TRAINING_SEEDS = range(800)  # evaluate.py uses seeds from 100,000 on; samples/ from 900,000 on
SIDE = 192  # pixels: width and height of a crop
BATCH = 16
EPOCHS = 24
STEPS = 100  # batches in an epoch
SAVED_MODEL = Path(__file__).parent.parent / "model" / "saved_model"


def main() -> None:
    """Makes the pictures, trains, exports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=SAVED_MODEL, help="folder for the SavedModel")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    started = time.monotonic()
    scenes = make_scenes(TRAINING_SEEDS, arguments.processes)
    print(f"{len(scenes)} pictures after {time.monotonic() - started:.0f} s")

    # Only now: the processes that make pictures start afresh and read this file, and must not wait for TensorFlow.
    import keras
    import tensorflow as tf

    from network import LitterModel, build_network, loss

    keras.utils.set_random_seed(1)
    network = build_network(len(LABELS))
    print(f"{network.count_params():,} parameters")
    steps = arguments.epochs * STEPS
    # Up in the first twentieth, then down along a cosine.
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - steps // 20, warmup_target=4e-3, warmup_steps=steps // 20
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=10.0)

    @tf.function
    def step(pictures: tf.Tensor, heat: tf.Tensor, box: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            answer = network(pictures, training=True)
            value = loss(*answer, heat, box, weight)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    rng = np.random.default_rng(1)
    for epoch in range(arguments.epochs):
        seen = [float(step(*b)) for b in batches(rng, scenes, side=SIDE, size=BATCH, count=STEPS)]
        print(f"epoch {epoch + 1}/{arguments.epochs}: loss {np.mean(seen):.3f}, {time.monotonic() - started:.0f} s")

    model = LitterModel(network)
    unfinished = arguments.out.with_name(arguments.out.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    tf.saved_model.save(model, str(unfinished), signatures={"serving_default": model.detect})
    shutil.rmtree(arguments.out, ignore_errors=True)
    unfinished.rename(arguments.out)
    size = sum(file.stat().st_size for file in arguments.out.rglob("*") if file.is_file())
    print(f"{arguments.out}: {size / 1e6:.1f} MB after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
