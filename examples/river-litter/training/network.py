"""The detector's network: a small residual CNN that marks the centre of each piece of litter (CenterNet's way).

`train.py` builds, trains and exports it. TensorFlow is needed here and nowhere else in this folder.
"""

from __future__ import annotations

import tensorflow as tf
from keras import Model, layers

from crops import STRIDE

MULTIPLE = 32  # pixels: height and width of what the network is shown must be multiples of this
MOST_DETECTIONS = 100


def _convolve(x: tf.Tensor, width: int, stride: int = 1, *, activate: bool = True) -> tf.Tensor:
    x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.95)(x)
    return layers.ReLU()(x) if activate else x


def _residual(x: tf.Tensor, width: int) -> tf.Tensor:
    y = _convolve(_convolve(x, width), width, activate=False)
    return layers.ReLU()(layers.Add()([x, y]))


def build_network(labels: int) -> Model:
    """RGB (N, H, W, 3) from 0 to 255 -> logits of the heat (N, H/8, W/8, labels) and boxes (N, H/8, W/8, 4)."""
    picture = layers.Input((None, None, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(picture)
    x = _convolve(x, 16, 2)
    x = _residual(_convolve(x, 24, 2), 24)
    eighth = _residual(_residual(_convolve(x, 40, 2), 40), 40)
    sixteenth = _residual(_convolve(eighth, 72, 2), 72)
    thirtysecond = _residual(_convolve(sixteenth, 72, 2), 72)
    # Back up to stride 8, so that a can of 15 pixels keeps its place.
    x = layers.Add()([layers.UpSampling2D()(thirtysecond), sixteenth])
    x = layers.ReLU()(layers.Conv2D(40, 1)(x))
    x = _convolve(layers.Add()([layers.UpSampling2D()(x), eighth]), 40)
    # The heat starts at 1 in 100: nearly every cell is water.
    heat = layers.Conv2D(labels, 1, bias_initializer=_constant(-4.6), name="heat")(_convolve(x, 40))
    box = layers.Conv2D(4, 1, name="box")(_convolve(x, 40))
    return Model(picture, [heat, box])


def _constant(value: float) -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.Constant(value)


def loss(heat: tf.Tensor, box: tf.Tensor, true_heat: tf.Tensor, true_box: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Focal loss on the heat, L1 on offset and log size near the centres, both per piece of litter."""
    centres = tf.cast(true_heat > 0.999, tf.float32)
    found = tf.sigmoid(heat)
    hit = centres * (1 - found) ** 2 * tf.nn.softplus(-heat)
    false = (1 - centres) * (1 - true_heat) ** 4 * found**2 * tf.nn.softplus(heat)
    pieces = tf.maximum(tf.reduce_sum(centres), 1.0)
    boxes = tf.reduce_sum(tf.abs(box - true_box) * weight) / tf.maximum(tf.reduce_sum(weight), 1.0)
    return tf.reduce_sum(hit + false) / pieces + boxes


class LitterModel(tf.Module):
    """What is exported: the network and the reading of its maps, so that scoring code need not know them."""

    def __init__(self, network: Model) -> None:
        super().__init__()
        self.network = network

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "picture")])
    def detect(self, picture: tf.Tensor) -> dict[str, tf.Tensor]:
        """Finds litter.

        Args:
            picture: RGB (N, H, W, 3) from 0 to 255, H and W multiples of 32.

        Returns:
            boxes (N, 100, 4): xmin, ymin, xmax, ymax in pixels of `picture`; scores (N, 100), falling;
            labels (N, 100): index of the label. Places without a find have a score near 0.
        """
        logits, box = self.network(picture, training=False)
        heat = tf.sigmoid(logits)
        shape = tf.shape(heat)
        rows, columns, labels = shape[1], shape[2], shape[3]
        # A cell counts when nothing near it is hotter, whatever its label: one piece, one detection.
        hottest = tf.reduce_max(heat, axis=3, keepdims=True)
        peak = tf.nn.max_pool2d(hottest, 3, 1, "SAME")
        heat = tf.where(heat >= peak, heat, 0.0)
        count = tf.minimum(MOST_DETECTIONS, rows * columns * labels)
        scores, index = tf.math.top_k(tf.reshape(heat, (shape[0], -1)), k=count)
        cell = index // labels
        found = tf.gather(tf.reshape(box, (shape[0], -1, 4)), cell, batch_dims=1)
        middle = tf.stack([cell % columns, cell // columns], axis=2)
        centre = (tf.cast(middle, tf.float32) + 0.5 + found[..., :2]) * STRIDE
        half = tf.exp(found[..., 2:]) * (STRIDE / 2)
        return {
            "boxes": tf.concat([centre - half, centre + half], axis=2),
            "scores": scores,
            "labels": index % labels,
        }
