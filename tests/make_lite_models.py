#!/usr/bin/env python3
"""Makes tests/models/efficientnet_lite{0..4}.graph.onnx: EfficientNet-Lite, for which torchvision has no models to export.

usage: make_lite_models.py FOLDER        needs the onnx package

The networks as published: the blocks of EfficientNet-B0 without squeeze-and-excitation, ReLU6 throughout, and a stem (32 channels) and
head (1280) that do not scale; the first and the last stage keep their single block. Names and operators are as torch's exporter would
write them with BatchNormalization folded. Weights are fill rules (see fill_model.py), scaled so that activations keep their size. The
files have 1x3x224x224; --shape input=1x3x240x240 and so on gives the native resolutions (224, 240, 260, 280, 300).
"""
import math
import os
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h

OPSET = 17
# width, depth
VARIANTS = [(1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8)]
# expansion, window, step, channels, blocks
STAGES = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]
STEM, HEAD, CLASSES = 32, 1280, 1000


def channels(width, count):
    """Multiples of 8, never less than nine tenths of what scaling asks for."""
    scaled = count * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class Network:
    def __init__(self):
        self.nodes, self.weights = [], []

    def fill(self, name, shape, scale, centred):
        tensor = onnx.TensorProto(name=name, data_type=T.FLOAT, dims=shape)
        tensor.doc_string = "fill n 0 %.6g%s" % (scale, " c0" if centred else "")
        if math.prod(shape) <= 64:
            raise ValueError("%s is small enough to be stored" % name)
        self.weights.append(tensor)
        return name

    def zeros(self, name, count):
        """Small tensors are stored, large ones are a rule."""
        if count > 64:
            return self.fill(name, [count], 0.1, False)
        self.weights.append(h.make_tensor(name, T.FLOAT, [count], [0.02 * (i % 11 - 5) for i in range(count)]))
        return name

    def node(self, op, path, inputs, **attributes):
        output = "%s/%s_output_0" % (path, op)
        self.nodes.append(h.make_node(op, inputs, [output], name="%s/%s" % (path, op), **attributes))
        return output

    def conv(self, path, x, c_in, c_out, window=1, step=1, group=1, variance=1.0, centred=True):
        """The result has about the variance 1 if x has the one given."""
        key = path.strip("/").replace("/", ".")
        taps = c_in // group * window * window
        shape = [c_out, c_in // group, window, window]
        weight = self.fill(key + ".weight", shape, 1 / math.sqrt(taps * variance), centred and group == 1)
        return self.node("Conv", path, [x, weight, self.zeros(key + ".bias", c_out)], dilations=[1, 1], group=group,
                         kernel_shape=[window, window], pads=[window // 2] * 4, strides=[step, step])

    def relu6(self, path, x):
        return self.node("Clip", path, [x, "zero", "six"])

    def block(self, path, x, c_in, c_out, expansion, window, step, variance):
        """Returns the result and its variance. After ReLU6 a standard normal has the mean square 1/2 and the variance 1/3."""
        inner, y = c_in * expansion, x
        if expansion > 1:
            y = self.relu6(path + "/act1", self.conv(path + "/conv_pw", y, c_in, inner, variance=variance))
        y = self.conv(path + "/conv_dw", y, inner, inner, window, step, inner, variance=1 / 2)
        y = self.conv(path + "/conv_pwl", self.relu6(path + "/act2", y), inner, c_out, variance=1 / 3)
        if step == 1 and c_in == c_out:
            return self.node("Add", path, [y, x]), variance + 1
        return y, 1.0


def network(width, depth):
    n = Network()
    for name, value in (("zero", 0.0), ("six", 6.0)):
        n.nodes.append(h.make_node("Constant", [], [name], value=h.make_tensor("", T.FLOAT, [], [value])))
    x, c, variance = n.relu6("/act1", n.conv("/conv_stem", "input", 3, STEM, 3, 2, centred=False)), STEM, 1 / 3
    for s, (expansion, window, step, c_out, blocks) in enumerate(STAGES):
        fixed = s in (0, len(STAGES) - 1)
        c_out = channels(width, c_out)
        for b in range(blocks if fixed else math.ceil(blocks * depth)):
            x, variance = n.block("/blocks.%d/blocks.%d.%d" % (s, s, b), x, c, c_out, expansion, window, 1 if b else step, variance)
            c = c_out
    x = n.relu6("/act2", n.conv("/conv_head", x, c, HEAD, variance=variance))
    x = n.node("Flatten", "/flatten", [n.node("GlobalAveragePool", "/global_pool", [x])], axis=1)
    weight = n.fill("classifier.weight", [CLASSES, HEAD], 3 / math.sqrt(HEAD), True)
    n.nodes.append(h.make_node("Gemm", [x, weight, n.fill("classifier.bias", [CLASSES], 0.1, False)], ["output"],
                               name="/classifier/Gemm", alpha=1.0, beta=1.0, transB=1))
    return n


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for i, (width, depth) in enumerate(VARIANTS):
        n = network(width, depth)
        graph = h.make_graph(n.nodes, "efficientnet_lite%d" % i, [h.make_tensor_value_info("input", T.FLOAT, [1, 3, 224, 224])],
                             [h.make_tensor_value_info("output", T.FLOAT, [1, CLASSES])], initializer=n.weights)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", OPSET)], ir_version=8, producer_name="fusegen")
        onnx.save(model, os.path.join(sys.argv[1], "efficientnet_lite%d.graph.onnx" % i))
        print("efficientnet_lite%d: %d parameters" % (i, sum(math.prod(t.dims) for t in n.weights)))


if __name__ == "__main__":
    main()
