"""Turns a TensorFlow.js graph model (a JSON graph and a file of weights) into a TensorFlow function.

`fetch_weights.py` calls it. A tfjs graph is a TensorFlow graph written as JSON, with the weights taken out and some
operations fused; this puts the weights back and takes the fused operations apart. It knows the operations of the
network fetched here and refuses any other by name: it is no general converter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from numpy.typing import NDArray
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

# Operations that TensorFlow knows by the same name and with the same attributes.
# fmt: off
PLAIN = frozenset({
    "Add", "Cast", "ConcatV2", "Conv2D", "DepthwiseConv2dNative", "Equal", "ExpandDims", "FloorDiv", "FloorMod",
    "GatherV2", "Identity", "MaxPool", "Mean", "Mul", "Placeholder", "Relu", "Relu6", "Reshape", "ResizeBilinear",
    "Sigmoid", "StridedSlice", "Sub", "TopKV2",
})
# fmt: on
# Operations with a bias and an activation built in -> the operation within.
FUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
ACTIVATIONS = frozenset({"Relu", "Relu6"})
# Attributes of the fused operations that the operation within has too.
CONVOLUTION_ATTRIBUTES = frozenset({"T", "strides", "padding", "dilations", "data_format", "explicit_paddings"})


class UnknownOperationError(ValueError):
    """The graph has an operation, or a fusion, that this converter was not written for."""


def read_weights(manifest: list[dict[str, Any]], data: bytes) -> dict[str, NDArray[Any]]:
    """The weights by name.

    Args:
        manifest: `weightsManifest` of the model's JSON, whose groups lie one after the other in `data`.
        data: the binary file.

    Raises:
        ValueError: a type that is not understood, or `data` has another length than the manifest says.
    """
    weights: dict[str, NDArray[Any]] = {}
    at = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
        if stored not in {"float16", "float32", "int32"}:
            raise ValueError(f"weight {entry['name']}: stored as {stored}; only float16, float32 and int32 are known")
        count = int(np.prod(entry["shape"], dtype=np.int64))
        values = np.frombuffer(data, np.dtype(stored).newbyteorder("<"), count, at)
        at += values.nbytes
        weights[entry["name"]] = values.astype(entry["dtype"]).reshape(entry["shape"])
    if at != len(data):
        raise ValueError(f"the weights have {len(data)} bytes, the manifest describes {at}")
    return weights


def to_graph_def(topology: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> GraphDef:
    """The graph as TensorFlow has it.

    Args:
        topology: `modelTopology` of the model's JSON.
        weights: from `read_weights`; every Const node takes its value from here.

    Raises:
        UnknownOperationError: naming the node and its operation.
        KeyError: a constant has no weight.
    """
    graph = GraphDef()
    for node in topology["node"]:
        operation = node["op"]
        if operation == "Const":
            value = weights[node["name"]]
            constant = graph.node.add(name=node["name"], op="Const")
            constant.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
            constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        elif operation in FUSED:
            _take_apart(graph, node)
        elif operation in PLAIN:
            graph.node.append(_parse(node, lambda name: not name.startswith("_")))
        else:
            raise UnknownOperationError(f"node {node['name']}: operation {operation} is not one of this network's")
    return graph


def _parse(node: Mapping[str, Any], wanted: Any) -> NodeDef:
    attributes = {name: value for name, value in node.get("attr", {}).items() if wanted(name)}
    plain = {"name": node["name"], "op": node["op"], "input": node.get("input", []), "attr": attributes}
    return json_format.ParseDict(plain, NodeDef())


def _take_apart(graph: GraphDef, node: Mapping[str, Any]) -> None:
    """Adds a fused convolution as convolution, bias and activation; the last has the fused node's name."""
    name, operation = node["name"], node["op"]
    fused = json_format.ParseDict({"attr": {"f": node["attr"]["fused_ops"]}}, NodeDef()).attr["f"].list.s
    steps = [step.decode() for step in fused]
    if steps[:1] != ["BiasAdd"] or len(steps) > 2 or not ACTIVATIONS.issuperset(steps[1:]) or len(node["input"]) != 3:
        raise UnknownOperationError(f"node {name}: {operation} with {'+'.join(steps) or 'nothing'} is not known")
    picture, kernel, bias = node["input"]
    convolution = _parse(node, CONVOLUTION_ATTRIBUTES.__contains__)
    convolution.op = FUSED[operation]
    convolution.name = f"{name}/convolution"
    del convolution.input[:]
    convolution.input.extend([picture, kernel])
    graph.node.append(convolution)
    last = convolution.name
    for step in steps:
        added = graph.node.add(op=step, name=name if step == steps[-1] else f"{name}/{step}")
        added.attr["T"].type = tf.float32.as_datatype_enum
        added.input.extend([last, bias] if step == "BiasAdd" else [last])
        last = added.name


def to_function(graph: GraphDef, placeholder: str, result: str) -> Any:
    """The graph as a concrete function from one tensor to another, by the names of the two nodes."""
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    return wrapped.prune(f"{placeholder}:0", f"{result}:0")
