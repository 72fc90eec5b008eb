#!/usr/bin/env python3
"""Makes the networks for microcontrollers of tests/models/: ds_cnn, mobilenet_v2_035_96, resnet8, as graph-only files.

usage: make_board_models.py FOLDER        needs the onnx package

ds_cnn: keyword spotting of 12 words on 49 x 10 cepstral coefficients, a convolution of 10 x 4 and four separable blocks of 64 channels.
mobilenet_v2_035_96: MobileNetV2 of width 0.35 on 96 x 96 images, two classes (is there a person?). resnet8: three residual blocks of 16,
32 and 64 channels on 32 x 32 images, ten classes. BatchNormalization is folded, as exporters do. Weights are made by rule when the
file is read (see fill_model.py): normal, of the deviation that keeps the size of activations.
"""
import math
import os
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h

OPSET = 17


class Network:
    def __init__(self, name, *shape):
        self.name, self.shape, self.nodes, self.weights = name, list(shape), [], []

    def weight(self, name, shape, scale):
        self.weights.append(T(name=name, data_type=T.FLOAT, dims=shape, doc_string="fill n 0 %.6g" % scale))
        return name

    def node(self, op, name, *inputs, **attributes):
        self.nodes.append(h.make_node(op, list(inputs), [name], name="/" + name, **attributes))
        return name

    def conv(self, name, x, channels, kernel, groups=1, stride=1, pads=None, gain=2.0):
        """channels: (in, out)."""
        kernel = [kernel, kernel] if isinstance(kernel, int) else kernel
        inputs = channels[0] // groups
        scale = math.sqrt(gain / (inputs * kernel[0] * kernel[1]))
        w = self.weight(name + ".weight", [channels[1], inputs] + kernel, scale)
        b = self.weight(name + ".bias", [channels[1]], 0.1)
        if pads is None:
            pads = [kernel[0] // 2, kernel[1] // 2] * 2
        return self.node("Conv", name, x, w, b, kernel_shape=kernel, group=groups, strides=[stride, stride], pads=pads,
                         dilations=[1, 1])

    def relu(self, x):
        return self.node("Relu", x + "_relu", x)

    def relu6(self, x):
        return self.node("Clip", x + "_relu6", x, "zero", "six")

    def head(self, x, channels, classes):
        x = self.node("Flatten", "flatten", self.node("GlobalAveragePool", "pool", x), axis=1)
        w = self.weight("classifier.weight", [classes, channels], math.sqrt(1.0 / channels))
        b = self.weight("classifier.bias", [classes], 0.1)
        return self.node("Gemm", "classifier", x, w, b, transB=1)

    def save(self, folder, classes):
        constants = [h.make_tensor(n, T.FLOAT, [], [v]) for n, v in (("zero", 0.0), ("six", 6.0))
                     if any(n in node.input for node in self.nodes)]
        graph = h.make_graph(self.nodes, self.name, [h.make_tensor_value_info("input", T.FLOAT, self.shape)],
                             [h.make_tensor_value_info("output", T.FLOAT, [1, classes])], self.weights + constants)
        graph.node[-1].output[0] = "output"
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", OPSET)], producer_name="make_board_models")
        model.ir_version = 8
        onnx.save(model, os.path.join(folder, self.name + ".graph.onnx"))


def ds_cnn(folder):
    n = Network("ds_cnn", 1, 1, 49, 10)
    x = n.relu(n.conv("conv0", "input", (1, 64), [10, 4], stride=2, pads=[4, 1, 5, 1]))
    for i in range(1, 5):
        x = n.relu(n.conv("depthwise%d" % i, x, (64, 64), 3, groups=64))
        x = n.relu(n.conv("pointwise%d" % i, x, (64, 64), 1))
    n.node("Softmax", "probabilities", n.head(x, 64, 12), axis=1)
    n.save(folder, 12)


def mobilenet(folder):
    n = Network("mobilenet_v2_035_96", 1, 3, 96, 96)
    x, channels = n.relu6(n.conv("stem", "input", (3, 16), 3, stride=2)), 16
    rows = [(1, 8, 1, 1), (6, 8, 2, 2), (6, 16, 3, 2), (6, 24, 4, 2), (6, 32, 3, 1), (6, 56, 3, 2), (6, 112, 1, 1)]
    block = 0
    for expand, out, repeat, first_stride in rows:
        for i in range(repeat):
            name, stride, wide, y = "block%d_" % block, first_stride if i == 0 else 1, channels * expand, x
            if expand != 1:
                y = n.relu6(n.conv(name + "expand", y, (channels, wide), 1))
            y = n.relu6(n.conv(name + "depthwise", y, (wide, wide), 3, groups=wide, stride=stride))
            y = n.conv(name + "project", y, (wide, out), 1, gain=1.0)
            x = n.node("Add", name + "add", x, y) if stride == 1 and channels == out else y
            channels, block = out, block + 1
    x = n.relu6(n.conv("last", x, (channels, 1280), 1))
    n.head(x, 1280, 2)
    n.save(folder, 2)


def resnet8(folder):
    n = Network("resnet8", 1, 3, 32, 32)
    x, channels = n.relu(n.conv("stem", "input", (3, 16), 3)), 16
    for i, out in enumerate((16, 32, 64)):
        stride = 1 if i == 0 else 2
        y = n.relu(n.conv("block%d_conv1" % i, x, (channels, out), 3, stride=stride))
        y = n.conv("block%d_conv2" % i, y, (out, out), 3, gain=1.0)
        if channels != out:
            x = n.conv("block%d_shortcut" % i, x, (channels, out), 1, stride=stride, gain=1.0)
        x = n.relu(n.node("Add", "block%d_add" % i, x, y))
        channels = out
    n.node("Softmax", "probabilities", n.head(x, 64, 10), axis=1)
    n.save(folder, 10)


if __name__ == "__main__":
    for make in (ds_cnn, mobilenet, resnet8):
        make(sys.argv[1])
