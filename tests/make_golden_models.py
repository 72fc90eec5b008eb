#!/usr/bin/env python3
"""Makes the small models of tests/models/golden_*.onnx that generated/ holds the C of.

usage: make_golden_models.py FOLDER        needs the onnx package

The files are committed, so this runs only when a model is to change. Weights are small fractions of a power of two from a fixed
recurrence: the same bytes whatever the version of numpy or onnx.
"""
import os
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h

OPSET = 17


class Model:
    """Nodes and weights in the order in which they are added; value names are those of the node that makes them."""

    def __init__(self, name, seed):
        self.name, self.state = name, seed
        self.nodes, self.weights = [], []

    def numbers(self, count, low, high):
        """Multiples of 1/256 between low and high, from the upper bits of a linear congruence."""
        out = []
        for _ in range(count):
            self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
            out.append(low + (self.state >> 40) % int((high - low) * 256) / 256)
        return out

    def weight(self, name, shape, low=-1.0, high=1.0):
        count = 1
        for extent in shape:
            count *= extent
        self.weights.append(h.make_tensor(name, T.FLOAT, shape, self.numbers(count, low, high)))
        return name

    def node(self, op, name, *inputs, **attributes):
        self.nodes.append(h.make_node(op, list(inputs), [name + "_out"], name=name, **attributes))
        return name + "_out"

    def conv(self, name, x, channels_in, channels_out, kernel=1, groups=1, bias=True, **attributes):
        scale = 2.0 ** -((channels_in // groups * kernel * kernel).bit_length() // 2)
        w = self.weight(name + ".weight", [channels_out, channels_in // groups, kernel, kernel], -scale, scale)
        operands = [x, w] + ([self.weight(name + ".bias", [channels_out])] if bias else [])
        return self.node("Conv", name, *operands, kernel_shape=[kernel, kernel], group=groups,
                         pads=[kernel // 2] * 4, **attributes)

    def batch_norm(self, name, x, channels):
        operands = [self.weight("%s.%s" % (name, part), [channels], low, high)
                    for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("mean", -0.5, 0.5), ("var", 0.5, 2.0))]
        return self.node("BatchNormalization", name, x, *operands)

    def silu(self, name, x):
        return self.node("Mul", name, x, self.node("Sigmoid", name + "_sigmoid", x))

    def save(self, folder, x_shape, y, y_shape):
        self.nodes[-1].output[0] = "y"
        graph = h.make_graph(self.nodes, self.name,
                             [h.make_tensor_value_info("x", T.FLOAT, x_shape)],
                             [h.make_tensor_value_info("y", T.FLOAT, y_shape)], self.weights)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", OPSET)], producer_name="make_golden_models", ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        with open(os.path.join(folder, "golden_%s.onnx" % self.name), "wb") as f:
            f.write(model.SerializeToString(deterministic=True))


def residual(folder):
    """Two convolutions with batch normalisation and a residual; no extent is a multiple of a vector."""
    m = Model("residual", 1)
    a = m.silu("act1", m.batch_norm("bn1", m.conv("conv1", "x", 5, 7, kernel=3, bias=False), 7))
    b = m.batch_norm("bn2", m.conv("conv2", a, 7, 7, kernel=3, bias=False), 7)
    y = m.node("Relu", "act2", m.node("Add", "add", b, a))
    m.save(folder, [1, 5, 9, 11], y, [1, 7, 9, 11])


def mbconv(folder):
    """An inverted bottleneck: expand, depthwise with stride, squeeze, gate, project."""
    m = Model("mbconv", 2)
    a = m.silu("act1", m.conv("expand", "x", 6, 20))
    b = m.silu("act2", m.conv("depthwise", a, 20, 20, kernel=5, groups=20, strides=[2, 2]))
    s = m.node("GlobalAveragePool", "squeeze", b)
    s = m.silu("act3", m.conv("reduce", s, 20, 5))
    s = m.node("Sigmoid", "gate", m.conv("excite", s, 5, 20))
    y = m.conv("project", m.node("Mul", "scale", b, s), 20, 9)
    m.save(folder, [1, 6, 13, 10], y, [1, 9, 7, 5])


def head(folder):
    """A stem, two branches that are concatenated, a head: pool, dense layer."""
    m = Model("head", 3)
    a = m.node("Relu", "act1", m.conv("stem", "x", 3, 6, kernel=3, strides=[2, 2]))
    b = m.node("Relu", "act2", m.conv("branch1", a, 6, 5))
    c = m.node("HardSwish", "act3", m.conv("branch2", a, 6, 9, kernel=3))
    d = m.node("GlobalAveragePool", "pool", m.node("Concat", "concat", b, c, axis=1))
    w = m.weight("dense.weight", [10, 14], -0.25, 0.25)
    y = m.node("Gemm", "dense", m.node("Flatten", "flatten", d), w, m.weight("dense.bias", [10]), transB=1)
    m.save(folder, [2, 3, 12, 15], y, [2, 10])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (residual, mbconv, head):
        make(sys.argv[1])
