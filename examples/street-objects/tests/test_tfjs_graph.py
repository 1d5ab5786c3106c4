"""The converter of TensorFlow.js graphs, on graphs small enough to work out by hand."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parent.parent / "training"))

from tfjs_graph import UnknownOperationError, read_weights, to_function, to_graph_def  # noqa: E402


def node(name: str, op: str, inputs: list[str] | None = None, **attributes: Any) -> dict[str, Any]:
    """A node as TensorFlow.js writes it."""
    return {"name": name, "op": op, "input": inputs or [], "attr": {"T": {"type": "DT_FLOAT"}, **attributes}}


def text(*values: str) -> dict[str, Any]:
    """A list of texts, in protobuf's JSON."""
    return {"list": {"s": [base64.b64encode(value.encode()).decode() for value in values]}}


def ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


PICTURE = {
    "name": "picture",
    "op": "Placeholder",
    "attr": {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": {"dim": [{"size": n} for n in ("1", "2", "2", "1")]}}},
}
CONVOLUTION: dict[str, Any] = {
    "strides": ints(1, 1, 1, 1),
    "dilations": ints(1, 1, 1, 1),
    "padding": {"s": base64.b64encode(b"SAME").decode()},
    "data_format": {"s": base64.b64encode(b"NHWC").decode()},
}
CONSTANTS = [{"name": "kernel", "op": "Const", "attr": {}}, {"name": "bias", "op": "Const", "attr": {}}]


@pytest.mark.parametrize("op", ["_FusedConv2D", "FusedDepthwiseConv2dNative"])
@pytest.mark.parametrize(
    ("steps", "expected"),
    [(("BiasAdd",), [-3, -1, 1, 7]), (("BiasAdd", "Relu"), [0, 0, 1, 7]), (("BiasAdd", "Relu6"), [0, 0, 1, 6])],
)
def test_a_fused_convolution_is_convolution_bias_and_activation(
    op: str, steps: tuple[str, ...], expected: list[float]
) -> None:
    fused = node("out", op, ["picture", "kernel", "bias"], fused_ops=text(*steps), num_args={"i": "1"}, **CONVOLUTION)
    weights = {"kernel": np.full((1, 1, 1, 1), 2, np.float32), "bias": np.array([-5], np.float32)}

    function = to_function(to_graph_def({"node": [PICTURE, *CONSTANTS, fused]}, weights), "picture", "out")

    answer = function(tf.reshape(tf.constant([1.0, 2.0, 3.0, 6.0]), (1, 2, 2, 1)))
    assert answer.numpy().ravel().tolist() == expected


def test_a_plain_operation_stays_what_it_is() -> None:
    nodes = [PICTURE, {"name": "bias", "op": "Const", "attr": {}}, node("out", "Mul", ["picture", "bias"])]

    function = to_function(to_graph_def({"node": nodes}, {"bias": np.float32(3)}), "picture", "out")

    assert function(tf.ones((1, 2, 2, 1))).numpy().ravel().tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        (node("odd", "NonMaxSuppressionV5"), "odd.*NonMaxSuppressionV5"),
        (
            node("odd", "_FusedConv2D", ["a", "b", "c"], fused_ops=text("BiasAdd", "Elu"), **CONVOLUTION),
            r"BiasAdd\+Elu",
        ),
        (node("odd", "_FusedConv2D", ["a", "b"], fused_ops=text(), **CONVOLUTION), "nothing"),
    ],
    ids=["operation", "activation", "no bias"],
)
def test_what_it_does_not_know_is_refused_by_name(unknown: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownOperationError, match=said):
        to_graph_def({"node": [unknown]}, {})


def test_weights_are_read_in_order_and_half_floats_widened() -> None:
    manifest = [
        {
            "weights": [
                {"name": "a", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}},
                {"name": "b", "shape": [], "dtype": "int32"},
            ]
        }
    ]
    data = np.array([1.5, -2], "<f2").tobytes() + np.array(7, "<i4").tobytes()

    weights = read_weights(manifest, data)

    assert weights["a"].dtype == np.float32
    assert weights["a"].tolist() == [1.5, -2.0]
    assert weights["b"].shape == ()
    assert weights["b"] == 7


@pytest.mark.parametrize(
    ("entry", "data", "said"),
    [
        ({"name": "a", "shape": [1], "dtype": "float32"}, bytes(8), "8 bytes.*4"),
        ({"name": "a", "shape": [1], "dtype": "float32", "quantization": {"dtype": "uint8"}}, bytes(1), "a: .*uint8"),
    ],
    ids=["too long", "quantised"],
)
def test_weights_that_do_not_fit_are_refused(entry: dict[str, Any], data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_weights([{"weights": [entry]}], data)
