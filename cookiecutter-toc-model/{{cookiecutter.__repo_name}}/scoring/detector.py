"""The detector: loads the model once, then finds objects in one image after another.

score.py makes one Detector when the server starts and calls `predict` for every posted image. This one is the
starter: a small graph that finds bright blobs. Put yours in its place; README.md says how.
"""

from __future__ import annotations
{% if cookiecutter.framework == "custom" %}
import json
{%- elif cookiecutter.framework == "litert" %}
import threading
{%- endif %}
from collections.abc import Sequence
from pathlib import Path

{% if cookiecutter.image_form != "pillow" -%}
import cv2
{% endif -%}
import numpy as np
{%- if cookiecutter.framework == "onnxruntime" %}
import onnxruntime
{%- elif cookiecutter.framework == "tensorflow" %}
import tensorflow as tf
{%- endif %}
{%- if cookiecutter.framework == "litert" %}
from ai_edge_litert.interpreter import Interpreter
{%- endif %}
{%- if cookiecutter.image_form == "pillow" %}
from PIL import Image
{%- endif %}
from toc_build.runtime import Detection

INPUT_SIZE = 256  # the model takes 256 x 256 pixels
THRESHOLD = 0.5  # a cell of the model's map belongs to a blob from this value on
SMALLEST_BLOB = 4  # cells; what is smaller is noise


class Detector:
    """Finds bright blobs.

    Args:
{%- if cookiecutter.framework == "tensorflow" %}
        path: the SavedModel's folder.
{%- elif cookiecutter.framework == "litert" %}
        path: the .tflite file.
{%- elif cookiecutter.framework == "onnxruntime" %}
        path: the .onnx file.
{%- else %}
        path: the JSON file of parameters.
{%- endif %}
        labels: the labels of deploy.yml, in their order; the starter answers the first.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self.label = labels[0]
{%- if cookiecutter.framework == "tensorflow" %}
        self.model = tf.saved_model.load(str(path))
        self.graph = self.model.signatures["serving_default"]
{%- elif cookiecutter.framework == "litert" %}
        self.path = path
        self.local = threading.local()  # an interpreter serves one thread: each thread gets its own
        self.interpreter()  # a broken model is told now, not at the first request
{%- elif cookiecutter.framework == "onnxruntime" %}
{%- if cookiecutter.gpu %}
        providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]  # the second where there is no GPU
        onnxruntime.preload_dlls()
{%- else %}
        providers = ["CPUExecutionProvider"]
{%- endif %}
        self.session = onnxruntime.InferenceSession(str(path), providers=providers)
        self.input_name = self.session.get_inputs()[0].name
{%- else %}
        parameters = json.loads(path.read_text(encoding="utf-8"))
        self.luminance = np.array(parameters["luminance"], np.float32)
        self.cell = int(parameters["cell"])
        self.blur = int(parameters["blur"])
        self.surroundings = int(parameters["surroundings"])
        self.gain = float(parameters["gain"])
        self.contrast = float(parameters["contrast"])
{%- endif %}
{% if cookiecutter.image_form == "opencv" %}
    def predict(self, bgr: np.ndarray) -> list[Detection]:
        """What is in one image.

        Args:
            bgr: height x width x 3, uint8, in OpenCV's order of channels.

        Returns:
            The detections, best first; boxes in pixels of this image.
        """
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
{%- elif cookiecutter.image_form == "pillow" %}
    def predict(self, image: Image.Image) -> list[Detection]:
        """What is in one image.

        Args:
            image: any mode; EXIF orientation already applied.

        Returns:
            The detections, best first; boxes in pixels of this image.
        """
        small = np.asarray(image.convert("RGB").resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.HAMMING))
        return self.detections(self.blobness(small), image.width, image.height)
{%- elif cookiecutter.image_form == "file" %}
    def predict(self, path: Path) -> list[Detection]:
        """What is in one image.

        Args:
            path: a file that OpenCV can read.

        Returns:
            The detections, best first; boxes in pixels of the upright image.
        """
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)  # turns the image upright where EXIF says so
        if bgr is None:
            raise ValueError(f"OpenCV cannot read {path}")
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
{%- else %}
    def predict(self, data: bytes) -> list[Detection]:
        """What is in one image.

        Args:
            data: an image file's bytes, in any format that OpenCV can read.

        Returns:
            The detections, best first; boxes in pixels of the upright image.
        """
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)  # turned upright where EXIF says so
        if bgr is None:
            raise ValueError("OpenCV cannot read these bytes as an image")
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
{%- endif %}
{%- if cookiecutter.image_form != "pillow" %}
        height, width = rgb.shape[:2]
        small = cv2.resize(rgb, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_AREA)
        return self.detections(self.blobness(small), width, height)
{%- endif %}

    def blobness(self, rgb: np.ndarray) -> np.ndarray:
        """Run the model.

        Args:
            rgb: INPUT_SIZE x INPUT_SIZE x 3, uint8.

        Returns:
            A map of 64 x 64 cells, float32: how likely each belongs to a bright blob, 0 to 1.
        """
{%- if cookiecutter.framework == "tensorflow" %}
        batch = tf.constant(rgb[np.newaxis], tf.float32)
        return self.graph(image=batch)["blobness"].numpy()[0, :, :, 0]
{%- elif cookiecutter.framework == "litert" %}
        interpreter = self.interpreter()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rgb[np.newaxis].astype(np.float32))
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, :, :, 0]
{%- elif cookiecutter.framework == "onnxruntime" %}
        (blobness,) = self.session.run(None, {self.input_name: rgb[np.newaxis].astype(np.float32)})
        return blobness[0, :, :, 0]
{%- else %}
        brightness = rgb.astype(np.float32) @ self.luminance / 255
        cells = INPUT_SIZE // self.cell
{%- if cookiecutter.image_form == "pillow" %}
        brightness = brightness.reshape(cells, self.cell, cells, self.cell).mean(axis=(1, 3))
{%- else %}
        brightness = cv2.resize(brightness, (cells, cells), interpolation=cv2.INTER_AREA)
{%- endif %}
        brightness = mean_around(brightness, self.blur)
        contrast = brightness - mean_around(brightness, self.surroundings)
        return 1 / (1 + np.exp(-self.gain * (contrast - self.contrast)))
{%- endif %}
{%- if cookiecutter.framework == "litert" %}

    def interpreter(self) -> Interpreter:
        """The interpreter of the thread that asks, made at its first question."""
        if not hasattr(self.local, "interpreter"):
            self.local.interpreter = Interpreter(model_path=str(self.path), num_threads=1)
            self.local.interpreter.allocate_tensors()
        return self.local.interpreter
{%- endif %}

    def detections(self, blobness: np.ndarray, width: int, height: int) -> list[Detection]:
        """Turn the model's map into boxes in pixels of an image of width x height: one for each connected blob."""
{%- if cookiecutter.image_form == "pillow" %}
        rows, columns = blobness.shape
        blobs = connected(blobness >= THRESHOLD)
        found = []
        for blob in np.unique(blobs[blobs > 0]):
            down, across = np.nonzero(blobs == blob)
            if len(down) < SMALLEST_BLOB:
                continue
            found.append(
                Detection(
                    xmin=float(across.min() * width / columns),
                    xmax=float((across.max() + 1) * width / columns),
                    ymin=float(down.min() * height / rows),
                    ymax=float((down.max() + 1) * height / rows),
                    label=self.label,
                    score=float(blobness[blobs == blob].max()),
                )
            )
{%- else %}
        mask = (blobness >= THRESHOLD).astype(np.uint8)
        rows, columns = mask.shape
        count, blobs, boxes, _ = cv2.connectedComponentsWithStats(mask)
        found = []
        for blob in range(1, count):  # 0 is the background
            left, top, across, down, area = (int(value) for value in boxes[blob])
            if area < SMALLEST_BLOB:
                continue
            found.append(
                Detection(
                    xmin=left * width / columns,
                    xmax=(left + across) * width / columns,
                    ymin=top * height / rows,
                    ymax=(top + down) * height / rows,
                    label=self.label,
                    score=float(blobness[blobs == blob].max()),
                )
            )
{%- endif %}
        return sorted(found, key=lambda detection: detection.score or 0.0, reverse=True)
{%- if cookiecutter.image_form == "pillow" %}


def connected(mask: np.ndarray) -> np.ndarray:
    """A number for each cell of `mask`: the same for cells that touch, corners included; 0 outside."""
    rows, columns = mask.shape
    numbers = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:  # the highest number of a blob spreads, cell by cell
        padded = np.pad(numbers, 1)
        around = [padded[row : row + rows, column : column + columns] for row in range(3) for column in range(3)]
        spread = np.where(mask, np.max(around, axis=0), 0)
        if np.array_equal(spread, numbers):
            return numbers
        numbers = spread
{%- endif %}
{%- if cookiecutter.framework == "custom" %}


def mean_around(image: np.ndarray, size: int) -> np.ndarray:
    """Each cell's mean over the size x size cells around it, as far as they lie inside."""
{%- if cookiecutter.image_form == "pillow" %}

    def total(cells: np.ndarray) -> np.ndarray:
        rows = np.lib.stride_tricks.sliding_window_view(np.pad(cells, size // 2), size, axis=0).sum(axis=-1)
        return np.lib.stride_tricks.sliding_window_view(rows, size, axis=1).sum(axis=-1)

    return total(image) / total(np.ones_like(image))
{%- else %}
    total = cv2.boxFilter(image, -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    cells = cv2.boxFilter(np.ones_like(image), -1, (size, size), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return total / cells
{%- endif %}
{%- endif %}
