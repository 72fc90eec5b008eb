#!/usr/bin/env python3
"""Quantises a graph-only network to 8 bits: pairs of QuantizeLinear and DequantizeLinear, a scale per channel of weights.

usage: make_quantised_model.py NAME.graph.onnx NAME.qdq.graph.onnx        needs numpy, onnx and onnxruntime

Weights stay floats in front of a QuantizeLinear of their own, so that the file needs no data for them: their fill rules are kept.
"""
import os
import sys
import tempfile

import numpy as np
import onnx
from fill_model import fill
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class Noise(CalibrationDataReader):
    """A few random images to calibrate by."""

    def __init__(self, graph, count):
        random = np.random.default_rng(5)
        shapes = {v.name: [d.dim_value or 1 for d in v.type.tensor_type.shape.dim] for v in graph.input}
        self.left = [{name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()} for _ in range(count)]

    def get_next(self):
        return self.left.pop() if self.left else None


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model = onnx.load(sys.argv[1])
    rules = {t.name: t.doc_string for t in model.graph.initializer if t.doc_string.startswith("fill ")}
    with tempfile.TemporaryDirectory() as folder:
        full, quantised = os.path.join(folder, "full.onnx"), os.path.join(folder, "quantised.onnx")
        onnx.save(fill(model), full)
        quantize_static(full, quantised, Noise(model.graph, 4), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, extra_options={"AddQDQPairToWeight": True})
        made = onnx.load(quantised)
    for tensor in made.graph.initializer:
        if tensor.name in rules:
            tensor.doc_string = rules[tensor.name]
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    del made.graph.value_info[:]
    onnx.save(made, sys.argv[2])


if __name__ == "__main__":
    main()
