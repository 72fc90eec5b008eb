#!/usr/bin/env python3
"""Gives a graph-only model its weights, for tools that cannot do so themselves (fusegen can). Needs numpy and onnx.

usage: fill.py IN.graph.onnx OUT.onnx

A tensor without data says in its doc_string how its elements are made: "fill KIND ...". All draws are integers, then one float64
product, one float64 sum, one rounding to the tensor's type: the same bits on every machine.

    r(i)            splitmix64: the output for state crc32(name) + (i + 1) * golden, i the element's row-major index
    n LOC SCALE     k = sum of the four 16-bit parts of r, less its mean 131070;  k * (SCALE / SD) + LOC
    n LOC SCALE cA  k * N - (sum of k over the N elements of the same index along axis A);  times SCALE / (SD * N), + LOC
    u LO HI         (r >> 40) * 2^-24 * (HI - LO) + LO
    k VALUE         every element is VALUE
    z TEXT          the bytes themselves: base64 of zlib
"""
import base64
import sys
import zlib

import numpy as np
import onnx

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
SD = ((2.0 ** 32 - 1.0) / 3.0) ** 0.5  # standard deviation of the sum of four uniform 16-bit integers
ELEMENT = {onnx.TensorProto.FLOAT: "<f4", onnx.TensorProto.FLOAT16: "<f2", onnx.TensorProto.DOUBLE: "<f8"}


def draws(name, count):
    """The 64-bit draws of a tensor; unsigned products wrap, as they should."""
    z = np.arange(1, count + 1, dtype=np.uint64)
    z *= GOLDEN
    z += np.uint64(zlib.crc32(name.encode()))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return z


def bell(name, dims, loc, scale, axis=None):
    count = int(np.prod(dims, dtype=np.int64))
    r = draws(name, count)
    k = np.full(count, -131070, np.int64)
    for part in range(4):
        k += ((r >> np.uint64(16 * part)) & np.uint64(0xFFFF)).astype(np.int64)
    if axis is None:
        return k.astype(np.float64) * (scale / SD) + loc
    k = k.reshape(dims)
    per_slice = count // dims[axis]
    others = tuple(a for a in range(len(dims)) if a != axis)
    k = k * per_slice - k.sum(axis=others, keepdims=True)
    return k.reshape(-1).astype(np.float64) * (scale / (SD * per_slice)) + loc


def tensor_bytes(name, dims, element, rule):
    kind, *words = rule.split()
    count = int(np.prod(dims, dtype=np.int64))
    if kind == "z":
        return zlib.decompress(base64.b64decode(words[0]))
    if kind == "k":
        values = np.full(count, float(words[0]))
    elif kind == "u":
        low, high = float(words[0]), float(words[1])
        values = (draws(name, count) >> np.uint64(40)).astype(np.float64) * 2.0 ** -24 * (high - low) + low
    elif kind == "n":
        axis = int(words[2][1:]) if len(words) > 2 else None
        values = bell(name, dims, float(words[0]), float(words[1]), axis)
    else:
        raise ValueError("tensor %s: unknown fill rule '%s'" % (name, rule[:40]))
    return values.astype(element).tobytes()


def needs_fill(model):
    return any(t.doc_string.startswith("fill ") and not t.raw_data for _, t in tensors(model))


def tensors(model):
    """(name, tensor) of initializers and of Constant nodes, whose tensor is named by the node's output."""
    for t in model.graph.initializer:
        yield t.name, t
    for node in model.graph.node:
        if node.op_type == "Constant":
            for a in node.attribute:
                if a.name == "value":
                    yield node.output[0], a.t


def fill(model):
    """Fills the model in place."""
    for name, t in tensors(model):
        if t.doc_string.startswith("fill ") and not t.raw_data:
            t.raw_data = tensor_bytes(name, list(t.dims), ELEMENT[t.data_type], t.doc_string[5:])
            t.ClearField("doc_string")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    loaded = onnx.load(sys.argv[1])
    fill(loaded)
    onnx.save(loaded, sys.argv[2])
