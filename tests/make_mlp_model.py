#!/usr/bin/env python3
"""Makes tests/models/mlp10x512_softmax.graph.onnx: mlp10x512 with the final Linear(10) and Softmax of a classifier.

usage: make_mlp_model.py FOLDER        needs the onnx package
"""
import os
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    model = onnx.load(os.path.join(sys.argv[1], "mlp10x512.graph.onnx"))
    graph = model.graph
    rows = graph.output[0].type.tensor_type.shape.dim[0].dim_value
    graph.node[-1].output[0] = "/19/Relu_output_0"
    weight = onnx.TensorProto(name="20.weight", data_type=T.FLOAT, dims=[10, 512], doc_string="fill n 0 0.0625 c0")
    graph.initializer.extend([weight, h.make_tensor("20.bias", T.FLOAT, [10], [0.02 * (i - 5) for i in range(10)])])
    graph.node.extend([h.make_node("Gemm", ["/19/Relu_output_0", "20.weight", "20.bias"], ["/20/Gemm_output_0"], name="/20/Gemm", alpha=1.0,
                                   beta=1.0, transB=1), h.make_node("Softmax", ["/20/Gemm_output_0"], ["output"], name="/21/Softmax", axis=1)])
    del graph.output[:]
    graph.output.append(h.make_tensor_value_info("output", T.FLOAT, [rows, 10]))
    onnx.save(model, os.path.join(sys.argv[1], "mlp10x512_softmax.graph.onnx"))


if __name__ == "__main__":
    main()
