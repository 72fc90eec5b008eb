#!/usr/bin/env python3
"""Puts data into a graph-only model, as fusegen does when it reads one (frontend/fill.c), for programs that cannot.

usage: fill_model.py GRAPH.onnx FULL.onnx        needs numpy and onnx

A tensor without data whose doc_string starts with "fill " is made by rule. Element i comes from a 64-bit draw r(i): splitmix64
seeded by the CRC-32 of the tensor's name. S(i) is the sum of the four 16-bit parts of r(i), DEVIATION that of such sums.
    k VALUE          VALUE
    u LOW HIGH       LOW + (HIGH - LOW) * the upper 24 bits of r(i) as a fraction
    n LOC SCALE      LOC + (SCALE / DEVIATION) * (S(i) - its mean)
    n LOC SCALE cA   the same, but centred over each slice along axis A, in integers
    z BASE64         the bytes themselves, packed by zlib
All in double and rounded once to the tensor's type.
"""
import base64
import math
import sys
import zlib

import numpy as np
import onnx

GAMMA, MIX1, MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
MEAN = 2 * 0xFFFF
DEVIATION = math.sqrt((65536.0 * 65536.0 - 1.0) / 3.0)
TYPES = {onnx.TensorProto.FLOAT: "<f4", onnx.TensorProto.DOUBLE: "<f8", onnx.TensorProto.FLOAT16: "<f2"}


def draws(name, count):
    """Unsigned 64-bit arithmetic of numpy arrays wraps around, which is what is wanted."""
    z = np.arange(1, count + 1, dtype=np.uint64) * GAMMA + np.full(1, zlib.crc32(name.encode()), np.uint64)
    z = (z ^ z >> np.uint64(30)) * MIX1
    z = (z ^ z >> np.uint64(27)) * MIX2
    return z ^ z >> np.uint64(31)


def sums(name, count):
    return draws(name, count).view(np.uint16).reshape(count, 4).sum(axis=1, dtype=np.int64)


def constant(name, shape, value):
    return np.full(math.prod(shape), float(value))


def uniform(name, shape, low, high):
    fraction = (draws(name, math.prod(shape)) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    return fraction * (float(high) - float(low)) + float(low)


def normal(name, shape, loc, scale, centre=None):
    count = math.prod(shape)
    s = sums(name, count)
    if centre is None:
        return (s - MEAN).astype(np.float64) * (float(scale) / DEVIATION) + float(loc)
    axis = int(centre[1:])
    per = count // shape[axis]
    s = s.reshape(shape)
    others = tuple(a for a in range(len(shape)) if a != axis)
    centred = (s * per - s.sum(axis=others, keepdims=True)).ravel()
    return centred.astype(np.float64) * (float(scale) / (DEVIATION * per)) + float(loc)


KINDS = {"k": constant, "u": uniform, "n": normal}


def data_of(tensor):
    kind, *words = tensor.doc_string[len("fill "):].split()
    if kind == "z":
        return zlib.decompress(base64.b64decode(words[0]))
    return KINDS[kind](tensor.name, list(tensor.dims), *words).astype(TYPES[tensor.data_type]).tobytes()


def tensors(graph):
    """Initializers, and the values of Constant nodes under the names that the nodes give them."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                attribute.t.name = node.output[0]
                yield attribute.t


def fill(model):
    """Fills the model in place."""
    for tensor in tensors(model.graph):
        if tensor.doc_string.startswith("fill ") and not tensor.raw_data:
            tensor.raw_data = data_of(tensor)
            tensor.ClearField("doc_string")
    return model


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    onnx.save(fill(onnx.load(sys.argv[1])), sys.argv[2])
