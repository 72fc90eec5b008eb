#!/usr/bin/env python3
"""Makes tests/models/crnn, voice_detector and keyword_spotter (.graph.onnx): networks over time, as torch's exporter would write them.

usage: make_sequence_models.py FOLDER        needs the onnx package

crnn             text recognition: a VGG-like stem that halves the height away, two bidirectional LSTMs of 256, one class per column and step
                 (1x1x32x128 -> 31x1x37)
voice_detector   one step of a streaming detector: 512 samples and the LSTM's state in, probability and the next state out
keyword_spotter  a second of sound: STFT by a Hann window, mel energies, their logarithm, separable convolutions, a GRU, 12 classes

Weights are fill rules (see fill_model.py), scaled so that activations keep their size.
"""
import math
import os
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h

OPSET = 17


class Network:
    def __init__(self):
        self.nodes, self.weights = [], []

    def fill(self, name, shape, scale):
        """Large tensors are a rule, small ones are stored."""
        count = math.prod(shape)
        if count <= 64:
            self.weights.append(h.make_tensor(name, T.FLOAT, shape, [scale * (i * 7 % 13 - 6) / 4 for i in range(count)]))
            return name
        self.weights.append(onnx.TensorProto(name=name, data_type=T.FLOAT, dims=shape, doc_string="fill n 0 %.6g" % scale))
        return name

    def floats(self, name, shape, values):
        self.weights.append(h.make_tensor(name, T.FLOAT, shape, values))
        return name

    def ints(self, name, values, shape=None):
        self.weights.append(h.make_tensor(name, T.INT64, [len(values)] if shape is None else shape, values))
        return name

    def node(self, op, path, inputs, **attributes):
        output = "%s/%s_output_0" % (path, op)
        self.nodes.append(h.make_node(op, inputs, [output], name="%s/%s" % (path, op), **attributes))
        return output

    def conv(self, path, x, shape, strides, pads, group=1, gain=2.0):
        """gain 2: in front of a Relu."""
        key = path.strip("/").replace("/", ".")
        weight = self.fill(key + ".weight", shape, math.sqrt(gain / math.prod(shape[1:])))
        bias = self.fill(key + ".bias", shape[:1], 0.1)
        return self.node("Conv", path, [x, weight, bias], dilations=[1] * len(strides), group=group, kernel_shape=shape[2:],
                         pads=pads, strides=strides)

    def relu(self, path, x):
        return self.node("Relu", path, [x])

    def recurrent(self, path, op, x, inputs, hidden, directions=1, states=(), results=1, **attributes):
        """x: steps x batch x inputs. Names of all results."""
        gates = {"LSTM": 4, "GRU": 3}[op]
        key = "onnx::%s_%s" % (op, path.strip("/").replace("/", "_"))
        scale = 1 / math.sqrt(hidden)
        operands = [self.fill("%s_%s" % (key, name), shape, scale) for name, shape in
                    (("W", [directions, gates * hidden, inputs]), ("R", [directions, gates * hidden, hidden]),
                     ("B", [directions, 2 * gates * hidden]))]
        if not states:
            zeros = self.weights and "%s_zeros" % key
            self.weights.append(onnx.TensorProto(name=zeros, data_type=T.FLOAT, dims=[directions, 1, hidden], doc_string="fill k 0"))
            states = [zeros] * (2 if op == "LSTM" else 1)
        outputs = ["%s/%s_output_%d" % (path, op, i) for i in range(results)]
        direction = "bidirectional" if directions == 2 else "forward"
        self.nodes.append(h.make_node(op, [x] + operands + [""] + list(states), outputs, name="%s/%s" % (path, op),
                                      direction=direction, hidden_size=hidden, **attributes))
        return outputs

    def linear(self, path, x, inputs, outputs):
        key = path.strip("/").replace("/", ".")
        product = self.node("MatMul", path, [x, self.fill("onnx::MatMul_" + key, [inputs, outputs], 1 / math.sqrt(inputs))])
        return self.node("Add", path, [self.fill(key + ".bias", [outputs], 0.1), product])

    def save(self, folder, name, inputs, outputs):
        """inputs, outputs: (name, shape); an output's source is its third."""
        for value, _, source in outputs:
            for node in self.nodes:
                node.output[:] = [value if o == source else o for o in node.output]
                node.input[:] = [value if i == source else i for i in node.input]
        graph = h.make_graph(self.nodes, "main_graph", [h.make_tensor_value_info(n, T.FLOAT, s) for n, s in inputs],
                             [h.make_tensor_value_info(n, T.FLOAT, s) for n, s, _ in outputs], self.weights)
        model = h.make_model(graph, producer_name="pytorch", producer_version="2.4.0", ir_version=8,
                             opset_imports=[h.make_opsetid("", OPSET)])
        for key, value in (("fill.version", "1"), ("fill.seed", "crc32(tensor name)"), ("fill.generator", "splitmix64")):
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        onnx.save(model, os.path.join(folder, name + ".graph.onnx"))


def bidirectional(net, path, x, inputs, hidden):
    """The two directions side by side, as the exporter joins them: steps x 1 x 2 hidden."""
    y = net.recurrent(path, "LSTM", x, inputs, hidden, directions=2)[0]
    y = net.node("Transpose", path, [y], perm=[0, 2, 1, 3])
    return net.node("Reshape", path, [y, "side_by_side"], allowzero=0)


def crnn(folder):
    net = Network()
    net.ints("side_by_side", [0, 0, -1])
    x, c_in = "image", 1
    # channels, then the pool's window, step and padding; None: no pool
    stages = [(64, (2, 2), (2, 2), 0), (128, (2, 2), (2, 2), 0), (256, None, None, 0), (256, (2, 2), (2, 1), 1), (512, None, None, 0),
              (512, (2, 2), (2, 1), 1)]
    for i, (c_out, window, step, side) in enumerate(stages):
        x = net.relu("/cnn/relu%d" % i, net.conv("/cnn/conv%d" % i, x, [c_out, c_in, 3, 3], [1, 1], [1, 1, 1, 1]))
        if window:
            x = net.node("MaxPool", "/cnn/pool%d" % i, [x], kernel_shape=window, strides=step, pads=[0, side, 0, side], ceil_mode=0)
        c_in = c_out
    x = net.relu("/cnn/relu6", net.conv("/cnn/conv6", x, [512, 512, 2, 2], [1, 1], [0, 0, 0, 0]))
    x = net.node("Squeeze", "", [x, net.ints("height", [2])])
    x = net.node("Transpose", "", [x], perm=[2, 0, 1])
    x = bidirectional(net, "/rnn/0", x, 512, 256)
    x = net.linear("/rnn/0/embedding", x, 512, 256)
    x = bidirectional(net, "/rnn/1", x, 256, 256)
    x = net.linear("/rnn/1/embedding", x, 512, 37)
    x = net.node("LogSoftmax", "", [x], axis=2)
    net.save(folder, "crnn", [("image", [1, 1, 32, 128])], [("log_probs", [33, 1, 37], x)])


def voice_detector(folder):
    net = Network()
    x = net.node("Pad", "/stft", ["audio", net.ints("reflection", [0, 0, 0, 64])], mode="reflect")
    x = net.node("Unsqueeze", "/stft", [x, net.ints("channel", [1])])
    net.fill("stft.basis", [258, 1, 256], 1 / 16)
    x = net.node("Conv", "/stft", [x, "stft.basis"], dilations=[1], group=1, kernel_shape=[256], pads=[0, 0], strides=[128])
    parts = [net.node("Slice", "/stft/%s" % name, [x, net.ints(name + ".start", [start]), net.ints(name + ".end", [end]), "channel"])
             for name, start, end in (("real", 0, 129), ("imaginary", 129, 258))]
    squares = [net.node("Pow", "/stft/power%d" % i, [part, "two"]) for i, part in enumerate(parts)]
    net.floats("two", [], [2.0])
    x = net.node("Sqrt", "/stft", [net.node("Add", "/stft", squares)])
    for i, (c_in, c_out, step) in enumerate([(129, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1)]):
        x = net.relu("/encoder/%d/activation" % i, net.conv("/encoder/%d/conv" % i, x, [c_out, c_in, 3], [step], [1, 1]))
    x = net.node("Transpose", "/decoder", [x], perm=[2, 0, 1])
    y, state_h, state_c = net.recurrent("/decoder/rnn", "LSTM", x, 128, 128, states=("h", "c"), results=3)
    x = net.node("Squeeze", "/decoder", [y, "channel"])
    x = net.node("Transpose", "/decoder/back", [x], perm=[1, 2, 0])
    x = net.conv("/decoder/head", net.relu("/decoder/relu", x), [1, 128, 1], [1], [0, 0], gain=8)
    x = net.node("ReduceMean", "/decoder", [net.node("Sigmoid", "/decoder", [x])], axes=[2], keepdims=0)
    state = [1, 1, 128]
    net.save(folder, "voice_detector", [("audio", [1, 512]), ("h", state), ("c", state)],
             [("probability", [1, 1], x), ("hn", state, state_h), ("cn", state, state_c)])


def keyword_spotter(folder):
    net = Network()
    bins, bands, frames = 257, 40, 97
    x = net.node("Unsqueeze", "/features", ["waveform", net.ints("last", [2])])
    window = net.node("HannWindow", "/features", [net.ints("n_fft", [512], [])], periodic=1)
    x = net.node("STFT", "/features", [x, net.ints("hop", [160], []), window, "n_fft"], onesided=1)
    x = net.node("ReduceSum", "/features", [net.node("Mul", "/features", [x, x]), net.ints("parts", [-1])], keepdims=0)
    mel = net.node("MelWeightMatrix", "/features", [net.ints("bands", [bands], []), "n_fft", net.ints("rate", [16000], []),
                                                    net.floats("lowest", [], [20.0]), net.floats("highest", [], [7600.0])])
    x = net.node("MatMul", "/features", [x, mel])
    x = net.node("Log", "/features", [net.node("Add", "/features", [x, net.floats("floor", [], [1e-3])])])
    x = net.node("Unsqueeze", "/net", [x, net.ints("first", [1])])
    x = net.relu("/net/stem/relu", net.conv("/net/stem/conv", x, [32, 1, 3, 3], [2, 2], [1, 1, 1, 1], gain=0.1))
    for i in range(3):
        path = "/net/block%d" % i
        x = net.relu(path + "/relu0", net.conv(path + "/depthwise", x, [32, 1, 3, 3], [1, 1], [1, 1, 1, 1], group=32))
        x = net.relu(path + "/relu1", net.conv(path + "/pointwise", x, [32, 32, 1, 1], [1, 1], [0, 0, 0, 0]))
    x = net.node("ReduceMean", "/net", [x], axes=[3], keepdims=0)  # over the bands
    x = net.node("Transpose", "/net", [x], perm=[2, 0, 1])
    last = net.recurrent("/net/gru", "GRU", x, 32, 64, results=2, linear_before_reset=1)[1]
    x = net.node("Squeeze", "/net", [last, net.ints("layer", [0])])
    key = "net.classifier"
    x = net.node("Gemm", "/net/classifier", [x, net.fill(key + ".weight", [12, 64], 0.5), net.fill(key + ".bias", [12], 0.1)],
                 alpha=1.0, beta=1.0, transB=1)
    x = net.node("Softmax", "/net", [x], axis=1)
    assert (16000 - 512) // 160 + 1 == frames and 512 // 2 + 1 == bins
    net.save(folder, "keyword_spotter", [("waveform", [1, 16000])], [("probabilities", [1, 12], x)])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (crnn, voice_detector, keyword_spotter):
        make(sys.argv[1])
