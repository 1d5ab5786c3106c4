# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = [
#   "ai-edge-litert>=1.3",
#   "numpy>=1.26,<2.3.3",
#   "onnx>=1.17",
#   "onnxruntime>=1.20",
#   "opencv-python-headless>=4.10",
#   "tensorflow-cpu>=2.16",
# ]
# ///
"""Makes the template's starter models and its sample: `uv run tools/make_starter_models.py`.

One graph finds bright blobs; it is written as a SavedModel, a .tflite, an .onnx and a JSON of parameters.
Each graph is run again and compared with numpy before it is kept. Run it when graph or picture changes.
The same versions write the same bytes, but for a few in the SavedModel.

    image [1, 256, 256, 3] float32, RGB 0 to 255
      -> brightness  (1 x 1 convolution)
      -> mean of each CELL x CELL pixels                  [1, 64, 64, 1]
      -> mean over BLUR x BLUR cells, against noise
      -> minus the mean over SURROUNDINGS x SURROUNDINGS cells
      -> sigmoid(GAIN * (that - CONTRAST))                "blobness", 0 to 1
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same sums on every machine

import cv2
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from onnx import TensorProto, helper

TEMPLATE = Path(__file__).resolve().parent.parent / "cookiecutter-toc-model" / "{{cookiecutter.__repo_name}}"
SIZE = 256
CELL = 4
BLUR = 3
SURROUNDINGS = 41
GAIN = 6.0
CONTRAST = 0.18
LUMINANCE = (0.299, 0.587, 0.114)
SIZE_LIMIT = 200_000  # bytes, all models together
TOLERANCE = 1e-4


def reference(image: np.ndarray) -> np.ndarray:
    """The graph in plain numpy: [1, 256, 256, 3] in, [1, 64, 64, 1] out, float64 inside."""
    brightness = image[0].astype(np.float64) @ np.array(LUMINANCE) / 255
    cells = SIZE // CELL
    brightness = brightness.reshape(cells, CELL, cells, CELL).mean(axis=(1, 3))
    brightness = _mean_around(brightness, BLUR)
    contrast = brightness - _mean_around(brightness, SURROUNDINGS)
    blobness = 1 / (1 + np.exp(-GAIN * (contrast - CONTRAST)))
    return blobness[np.newaxis, :, :, np.newaxis].astype(np.float32)


def _mean_around(image: np.ndarray, size: int) -> np.ndarray:
    """The mean over size x size cells around each cell, of those that lie inside."""
    reach = size // 2
    mean = np.empty_like(image)
    for row, column in np.ndindex(*image.shape):
        mean[row, column] = image[
            max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1
        ].mean()
    return mean


class Blobness(tf.Module):
    """The graph in TensorFlow; no Keras, whose SavedModels can lose their weights on the way to .tflite."""

    def __init__(self) -> None:
        super().__init__(name="blobness")
        self.luminance = tf.Variable(
            np.array(LUMINANCE, np.float32).reshape(1, 1, 3, 1) / 255, trainable=False, name="luminance"
        )

    @tf.function(input_signature=[tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32, name="image")])
    def __call__(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The graph: [1, 256, 256, 3] in, `blobness` [1, 64, 64, 1] out."""
        brightness = tf.nn.conv2d(image, self.luminance, strides=1, padding="VALID")
        brightness = tf.nn.avg_pool2d(brightness, CELL, CELL, "VALID")
        brightness = tf.nn.avg_pool2d(brightness, BLUR, 1, "SAME")
        contrast = brightness - tf.nn.avg_pool2d(brightness, SURROUNDINGS, 1, "SAME")
        return {"blobness": tf.sigmoid(GAIN * (contrast - CONTRAST))}


def make_saved_model(folder: Path) -> None:
    """Write the SavedModel."""
    module = Blobness()
    tf.saved_model.save(module, str(folder), signatures=module.__call__.get_concrete_function())
    shutil.rmtree(folder / "assets", ignore_errors=True)  # empty, and git keeps no empty folders


def make_tflite(path: Path) -> None:
    """Write the .tflite file."""
    module = Blobness()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.__call__.get_concrete_function()], module
    )
    path.write_bytes(converter.convert())


def make_onnx(path: Path) -> None:
    """Write the .onnx file, node by node: NHWC outside like the others, NCHW inside."""
    weights = np.array(LUMINANCE, np.float32).reshape(1, 3, 1, 1) / 255

    def mean(source: str, result: str, size: int) -> onnx.NodeProto:
        reach = size // 2
        return helper.make_node(
            "AveragePool",
            [source],
            [result],
            kernel_shape=[size, size],
            pads=[reach] * 4,
            count_include_pad=0,
        )

    nodes = [
        helper.make_node("Transpose", ["image"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "luminance"], ["brightness"], kernel_shape=[1, 1]),
        helper.make_node(
            "AveragePool", ["brightness"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        ),
        mean("cells", "blurred", BLUR),
        mean("blurred", "around", SURROUNDINGS),
        helper.make_node("Sub", ["blurred", "around"], ["contrast"]),
        helper.make_node("Sub", ["contrast", "least"], ["excess"]),
        helper.make_node("Mul", ["excess", "gain"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["sigmoid"]),
        helper.make_node("Transpose", ["sigmoid"], ["blobness"], perm=[0, 2, 3, 1]),
    ]
    cells = SIZE // CELL
    graph = helper.make_graph(
        nodes,
        "blobness",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("blobness", TensorProto.FLOAT, [1, cells, cells, 1])],
        [
            helper.make_tensor("luminance", TensorProto.FLOAT, weights.shape, weights.ravel()),
            helper.make_tensor("least", TensorProto.FLOAT, [], [CONTRAST]),
            helper.make_tensor("gain", TensorProto.FLOAT, [], [GAIN]),
        ],
    )
    model = helper.make_model(graph, producer_name="toc-build", opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8  # what onnxruntime 1.14 and everything later reads
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def make_parameters(path: Path) -> None:
    """Write the parameters for the custom framework."""
    parameters = {
        "luminance": list(LUMINANCE),
        "cell": CELL,
        "blur": BLUR,
        "surroundings": SURROUNDINGS,
        "gain": GAIN,
        "contrast": CONTRAST,
    }
    path.write_text(json.dumps(parameters, indent=2) + "\n", encoding="utf-8")


def check_models(model: Path, images: list[np.ndarray]) -> None:
    """Compare every graph with `reference` on `images` ([1, 256, 256, 3]).

    Raises:
        AssertionError: a model's output is not the reference's.
    """
    graph = tf.saved_model.load(str(model / "saved_model")).signatures["serving_default"]
    interpreter = Interpreter(model_path=str(model / "blob.tflite"))
    interpreter.allocate_tensors()
    session = onnxruntime.InferenceSession(str(model / "blob.onnx"), providers=["CPUExecutionProvider"])
    for image in images:
        expected = reference(image)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        answers = {
            "SavedModel": graph(image=tf.constant(image))["blobness"].numpy(),
            "tflite": interpreter.get_tensor(interpreter.get_output_details()[0]["index"]),
            "onnx": session.run(None, {"image": image})[0],
        }
        for name, answer in answers.items():
            error = float(np.abs(answer - expected).max())
            print(f"{name}: largest difference from numpy {error:.1e}")
            if answer.shape != expected.shape or error > TOLERANCE:
                raise AssertionError(f"the {name} does not compute the graph: off by {error}")


def make_sample() -> tuple[np.ndarray, list[dict[str, float | str]]]:
    """Dark water with three bright blobs: 640 x 480 BGR, and their boxes in its pixels."""
    rng = np.random.default_rng(20)
    width, height = 640, 480
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ripples = np.zeros((height, width), np.float32)
    for _ in range(14):
        angle, length = rng.normal(0.0, 0.35), rng.uniform(9, 70)
        along = columns * np.sin(angle) + rows * np.cos(angle)
        ripples += rng.uniform(0.3, 1.0) * np.sin(2 * np.pi * along / length + rng.uniform(0, 2 * np.pi))
    grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.2)
    shade = 1 + 0.03 * ripples + 0.10 * grain + 0.25 * (rows / height - 0.5)
    picture = shade[..., np.newaxis] * np.array([66, 52, 30], np.float32)
    # centre x, centre y, half axes, angle, colour (BGR), brightness
    blobs = [
        (165, 150, 62, 44, -18, (238, 244, 246), 1.0),
        (455, 205, 48, 70, 12, (205, 236, 250), 0.88),
        (300, 370, 78, 36, 6, (240, 232, 214), 0.78),
    ]
    expected: list[dict[str, float | str]] = []
    for x, y, across, down, degrees, colour, level in blobs:
        mask = np.zeros((height, width), np.uint8)
        cv2.ellipse(mask, (x, y), (across, down), degrees, 0, 360, 255, -1)
        left, top, box_width, box_height = cv2.boundingRect(mask)
        soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 2.0)[..., np.newaxis]
        dome = 1 - 0.18 * np.clip(np.hypot((columns - x + 12) / across, (rows - y + 14) / down), 0, 1.2)
        body = dome[..., np.newaxis] * np.array(colour, np.float32) * level + 4 * grain[..., np.newaxis]
        picture = picture * (1 - soft) + body * soft
        expected.append({"xmin": left, "xmax": left + box_width, "ymin": top, "ymax": top + box_height})
    return np.clip(picture, 0, 255).astype(np.uint8), expected


def main() -> None:
    """Make everything in a temporary folder, check it, and only then put it into the template."""
    picture, expected = make_sample()
    small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    images = [
        small[np.newaxis].astype(np.float32),
        np.random.default_rng(1).uniform(0, 255, (1, SIZE, SIZE, 3)).astype(np.float32),
        np.zeros((1, SIZE, SIZE, 3), np.float32),
    ]
    blobness = reference(images[0])[0, :, :, 0]
    for box in expected:
        rows = slice(int(box["ymin"] / 480 * 64), int(box["ymax"] / 480 * 64))
        columns = slice(int(box["xmin"] / 640 * 64), int(box["xmax"] / 640 * 64))
        box["score"] = round(float(blobness[rows, columns].max()), 2)
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary)
        make_saved_model(model / "saved_model")
        make_tflite(model / "blob.tflite")
        make_onnx(model / "blob.onnx")
        make_parameters(model / "blob.json")
        check_models(model, images)
        size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
        if size > SIZE_LIMIT:
            raise AssertionError(f"the models take {size} bytes; at most {SIZE_LIMIT}")
        shutil.rmtree(TEMPLATE / "model", ignore_errors=True)
        shutil.copytree(model, TEMPLATE / "model")
    samples = TEMPLATE / "samples"
    samples.mkdir(exist_ok=True)
    cv2.imwrite(str(samples / "three-blobs.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    (samples / "three-blobs.json").write_text(render_expected(expected), encoding="utf-8")
    print(f"{size} bytes of models; expected: {expected}")


def render_expected(expected: list[dict[str, float | str]]) -> str:
    """The sample's JSON as the template holds it: the label is the first one of the answers."""
    lines = []
    for box in sorted(expected, key=lambda box: -float(box["score"])):
        corners = ", ".join(f'"{key}": {box[key]}' for key in ("xmin", "xmax", "ymin", "ymax"))
        label = "{{ (cookiecutter | label_list)[0] | json }}"
        lines.append(f'  {{{corners}, "label": {label}, "score": {box["score"]}}}')
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    main()
