#!/usr/bin/env python3
"""Makes tests/models/text_encoder, decoder_step and decoder_prefill (.graph.onnx): small transformers, as torch's exporter would write them.

usage: make_transformer_models.py FOLDER        needs the onnx package

text_encoder   a classifier of 64 tokens with a mask: two layers of width 128 in the manner of BERT, with LayerNormalization, Gelu and
               attention spelled out in simple operators
decoder_step   one token of a language model with a cache of 31: two layers in the manner of Llama, RMS normalisation, rotary embedding
               computed from the position, four heads of queries on two of keys, SiLU gates; the cache goes in and comes out longer

decoder_prefill the same in the words of opset 23, eight tokens behind a cache of 24: RMSNormalization, RotaryEmbedding with tables, Attention
               with grouped heads, a causal mask and the cache

Weights are fill rules (see fill_model.py), scaled so that activations keep their size.
"""
import math
import os
import sys

import onnx
from onnx import TensorProto as T
from onnx import helper as h

from make_sequence_models import Network

OPSET = 14
WIDTH, HEADS, LAYERS, WORDS = 128, 4, 2, 1000
SIZE = WIDTH // HEADS
LOWEST = -3.4028234663852886e38


class Transformer(Network):
    def scalar(self, name, value):
        self.weights.append(h.make_tensor(name, T.FLOAT, [], [value]))
        return name


    def product(self, path, x, inputs, outputs, bias=True, gain=1.0):
        key = path.strip("/").replace("/", ".")
        weight = self.fill("onnx::MatMul_" + key, [inputs, outputs], math.sqrt(gain / inputs))
        y = self.node("MatMul", path, [x, weight])
        return self.node("Add", path, [self.fill(key + ".bias", [outputs], 0.05), y]) if bias else y

    def heads(self, path, x, length, heads, perm):
        x = self.node("Reshape", path, [x, self.ints(path + "/shape", [1, length, heads, SIZE])])
        return self.node("Transpose", path, [x], perm=perm)

    def scale(self, path, width=WIDTH):
        self.weights.append(onnx.TensorProto(name=path.strip("/") + ".weight", data_type=T.FLOAT, dims=[width], doc_string="fill u 0.5 1.5"))
        return path.strip("/") + ".weight"

    def layer_norm(self, path, x):
        """LayerNormalization before opset 17."""
        mean = self.node("ReduceMean", path, [x], axes=[-1])
        centred = self.node("Sub", path, [x, mean])
        square = self.node("Pow", path, [centred, self.scalar(path + "/two", 2.0)])
        variance = self.node("ReduceMean", path + "/1", [square], axes=[-1])
        sum_ = self.node("Add", path, [variance, self.scalar(path + "/epsilon", 1e-12)])
        y = self.node("Div", path, [centred, self.node("Sqrt", path, [sum_])])
        y = self.node("Mul", path, [y, self.scale(path)])
        return self.node("Add", path + "/1", [y, self.fill(path.strip("/") + ".bias", [WIDTH], 0.1)])

    def gelu(self, path, x):
        y = self.node("Div", path, [x, self.scalar(path + "/root", math.sqrt(2))])
        y = self.node("Add", path, [self.node("Erf", path, [y]), self.scalar(path + "/one", 1.0)])
        y = self.node("Mul", path, [x, y])
        return self.node("Mul", path + "/1", [y, self.scalar(path + "/half", 0.5)])

    def rms_norm(self, path, x):
        square = self.node("Pow", path, [x, self.scalar(path + "/two", 2.0)])
        mean = self.node("ReduceMean", path, [square], axes=[-1])
        sum_ = self.node("Add", path, [mean, self.scalar(path + "/epsilon", 1e-6)])
        y = self.node("Reciprocal", path, [self.node("Sqrt", path, [sum_])])
        y = self.node("Mul", path, [x, y])
        return self.node("Mul", path + "/1", [self.scale(path), y])

    def save(self, name, inputs, outputs, folder, opset=OPSET):
        graph = h.make_graph(self.nodes, name, inputs, outputs, initializer=self.weights)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=8 if opset < 23 else 10, producer_name="make_transformer_models")
        onnx.save(model, os.path.join(folder, name + ".graph.onnx"))


def text_encoder(folder):
    n, length = Transformer(), 64
    words = n.fill("embeddings.word_embeddings.weight", [WORDS, WIDTH], 1.0)
    places = n.fill("embeddings.position_embeddings.weight", [512, WIDTH], 0.3)
    x = n.node("Gather", "/embeddings/word_embeddings", [words, "input_ids"])
    place = n.node("Slice", "/embeddings", ["position_ids", n.ints("starts", [0]), n.ints("ends", [length]), n.ints("axes", [1])])
    n.ints("position_ids", list(range(512)), [1, 512])
    x = n.node("Add", "/embeddings", [x, n.node("Gather", "/embeddings/position_embeddings", [places, place])])
    x = n.layer_norm("/embeddings/LayerNorm", x)
    mask = n.node("Unsqueeze", "/mask", ["attention_mask", n.ints("one", [1])])
    mask = n.node("Unsqueeze", "/mask/1", [mask, n.ints("two", [2])])
    mask = n.node("Cast", "/mask", [mask], to=T.BOOL)
    mask = n.node("Where", "/mask", [mask, n.scalar("zero", 0.0), n.scalar("lowest", LOWEST)])
    for i in range(LAYERS):
        p = "/encoder/layer.%d" % i
        a = p + "/attention/self"
        q = n.heads(a + "/query", n.product(a + "/query", x, WIDTH, WIDTH), length, HEADS, [0, 2, 1, 3])
        k = n.heads(a + "/key", n.product(a + "/key", x, WIDTH, WIDTH), length, HEADS, [0, 2, 3, 1])
        v = n.heads(a + "/value", n.product(a + "/value", x, WIDTH, WIDTH), length, HEADS, [0, 2, 1, 3])
        s = n.node("Div", a, [n.node("MatMul", a, [q, k]), n.scalar(a + "/root", math.sqrt(SIZE))])
        s = n.node("Softmax", a, [n.node("Add", a, [s, mask])], axis=-1)
        y = n.node("Transpose", a, [n.node("MatMul", a + "/1", [s, v])], perm=[0, 2, 1, 3])
        y = n.node("Reshape", a, [y, n.ints(a + "/whole", [1, length, WIDTH])])
        y = n.product(p + "/attention/output/dense", y, WIDTH, WIDTH)
        x = n.layer_norm(p + "/attention/output/LayerNorm", n.node("Add", p + "/attention/output", [y, x]))
        y = n.gelu(p + "/intermediate/act", n.product(p + "/intermediate/dense", x, WIDTH, 4 * WIDTH, gain=2.0))
        y = n.product(p + "/output/dense", y, 4 * WIDTH, WIDTH)
        x = n.layer_norm(p + "/output/LayerNorm", n.node("Add", p + "/output", [y, x]))
    n.weights.append(h.make_tensor("first", T.INT64, [], [0]))
    x = n.node("Gather", "/pooler", [x, "first"], axis=1)
    weight = n.fill("pooler.dense.weight", [WIDTH, WIDTH], math.sqrt(1 / WIDTH))
    x = n.node("Gemm", "/pooler/dense", [x, weight, n.fill("pooler.dense.bias", [WIDTH], 0.1)], transB=1)
    x = n.node("Tanh", "/pooler", [x])
    weight = n.fill("classifier.weight", [3, WIDTH], math.sqrt(1 / WIDTH))
    n.nodes.append(h.make_node("Gemm", [x, weight, n.fill("classifier.bias", [3], 0.1)], ["logits"], name="/classifier/Gemm", transB=1))
    tokens = [h.make_tensor_value_info(name, T.INT64, [1, length]) for name in ("input_ids", "attention_mask")]
    n.save("text_encoder", tokens, [h.make_tensor_value_info("logits", T.FLOAT, [1, 3])], folder)


def rotary(n):
    """Cosines and sines of the position's angles: 1 x 1 x 1 x SIZE."""
    p = "/model/rotary_emb"
    n.floats("inv_freq", [1, SIZE // 2, 1], [10000.0 ** (-2 * i / SIZE) for i in range(SIZE // 2)])
    position = n.node("Cast", p, [n.node("Unsqueeze", p, ["position_ids", n.ints(p + "/axis", [1])])], to=T.FLOAT)
    angles = n.node("Transpose", p, [n.node("MatMul", p, ["inv_freq", position])], perm=[0, 2, 1])
    angles = n.node("Concat", p, [angles, angles], axis=-1)
    axis = n.ints(p + "/heads", [1])
    return [n.node("Unsqueeze", p + "/" + f, [n.node(f, p, [angles]), axis]) for f in ("Cos", "Sin")]


def rotate(n, path, x, cosine, sine):
    half, axis = n.ints(path + "/half", [SIZE // 2]), n.ints(path + "/axis", [3])
    a = n.node("Slice", path, [x, n.ints(path + "/start", [0]), half, axis])
    b = n.node("Slice", path + "/1", [x, half, n.ints(path + "/end", [2**63 - 1]), axis])
    turned = n.node("Concat", path, [n.node("Neg", path, [b]), a], axis=-1)
    return n.node("Add", path, [n.node("Mul", path, [x, cosine]), n.node("Mul", path + "/1", [turned, sine])])


def repeated(n, path, x, total):
    """Two heads of keys for four of queries."""
    x = n.node("Unsqueeze", path, [x, n.ints(path + "/axis", [2])])
    x = n.node("Expand", path, [x, n.ints(path + "/twice", [1, HEADS // 2, 2, total, SIZE])])
    return n.node("Reshape", path, [x, n.ints(path + "/heads", [1, HEADS, total, SIZE])])


def decoder_step(folder):
    n, past = Transformer(), 31
    total, few = past + 1, HEADS // 2
    words = n.fill("model.embed_tokens.weight", [WORDS, WIDTH], 1.0)
    x = n.node("Gather", "/model/embed_tokens", [words, "input_ids"])
    cosine, sine = rotary(n)
    inputs = [h.make_tensor_value_info(name, T.INT64, [1, 1]) for name in ("input_ids", "position_ids")]
    outputs = [h.make_tensor_value_info("logits", T.FLOAT, [1, 1, WORDS])]
    for i in range(LAYERS):
        p = "/model/layers.%d" % i
        a = p + "/self_attn"
        y = n.rms_norm(p + "/input_layernorm", x)
        q = n.heads(a + "/q_proj", n.product(a + "/q_proj", y, WIDTH, WIDTH, bias=False), 1, HEADS, [0, 2, 1, 3])
        k = n.heads(a + "/k_proj", n.product(a + "/k_proj", y, WIDTH, few * SIZE, bias=False), 1, few, [0, 2, 1, 3])
        v = n.heads(a + "/v_proj", n.product(a + "/v_proj", y, WIDTH, few * SIZE, bias=False), 1, few, [0, 2, 1, 3])
        q, k = rotate(n, a + "/rotate_q", q, cosine, sine), rotate(n, a + "/rotate_k", k, cosine, sine)
        for name, new in (("key", k), ("value", v)):
            inputs.append(h.make_tensor_value_info("past_%s.%d" % (name, i), T.FLOAT, [1, few, past, SIZE]))
            outputs.append(h.make_tensor_value_info("present_%s.%d" % (name, i), T.FLOAT, [1, few, total, SIZE]))
            n.nodes.append(h.make_node("Concat", ["past_%s.%d" % (name, i), new], ["present_%s.%d" % (name, i)],
                                       name="%s/Concat_%s" % (a, name), axis=2))
        k = repeated(n, a + "/repeat_k", "present_key.%d" % i, total)
        v = repeated(n, a + "/repeat_v", "present_value.%d" % i, total)
        root = n.scalar(a + "/root", SIZE**-0.25)
        q = n.node("Mul", a, [q, root])
        k = n.node("Mul", a + "/1", [n.node("Transpose", a, [k], perm=[0, 1, 3, 2]), root])
        s = n.node("Softmax", a, [n.node("MatMul", a, [q, k])], axis=-1)
        y = n.node("Transpose", a + "/1", [n.node("MatMul", a + "/1", [s, v])], perm=[0, 2, 1, 3])
        y = n.node("Reshape", a, [y, n.ints(a + "/whole", [1, 1, WIDTH])])
        x = n.node("Add", p, [x, n.product(a + "/o_proj", y, WIDTH, WIDTH, bias=False)])
        y = n.rms_norm(p + "/post_attention_layernorm", x)
        gate = n.product(p + "/mlp/gate_proj", y, WIDTH, 3 * WIDTH, bias=False)
        gate = n.node("Mul", p + "/mlp/act_fn", [gate, n.node("Sigmoid", p + "/mlp/act_fn", [gate])])
        y = n.node("Mul", p + "/mlp", [gate, n.product(p + "/mlp/up_proj", y, WIDTH, 3 * WIDTH, bias=False)])
        x = n.node("Add", p + "/1", [x, n.product(p + "/mlp/down_proj", y, 3 * WIDTH, WIDTH, bias=False)])
    x = n.rms_norm("/model/norm", x)
    n.nodes.append(h.make_node("MatMul", [x, n.fill("onnx::MatMul_lm_head", [WIDTH, WORDS], math.sqrt(1 / WIDTH))], ["logits"],
                               name="/lm_head/MatMul"))
    n.save("decoder_step", inputs, outputs, folder)


def decoder_prefill(folder):
    n, past, length, few = Transformer(), 24, 8, HEADS // 2
    x = n.node("Gather", "/embed_tokens", [n.fill("embed_tokens.weight", [WORDS, WIDTH], 1.0), "input_ids"])
    angles = [[t * 10000.0 ** (-2 * i / SIZE) for i in range(SIZE // 2)] for t in range(past + length)]
    tables = [n.floats(f.__name__ + "_table", [past + length, SIZE // 2], [f(a) for row in angles for a in row]) for f in (math.cos, math.sin)]
    inputs = [h.make_tensor_value_info(name, T.INT64, [1, length]) for name in ("input_ids", "position_ids")]
    outputs = [h.make_tensor_value_info("logits", T.FLOAT, [1, length, WORDS])]
    for i in range(LAYERS):
        p = "/layers.%d" % i
        a = p + "/self_attn"
        y = n.node("RMSNormalization", p + "/input_layernorm", [x, n.scale(p + "/input_layernorm")], epsilon=1e-6)
        q = n.product(a + "/q_proj", y, WIDTH, WIDTH, bias=False)
        k, v = (n.product(a + name, y, WIDTH, few * SIZE, bias=False) for name in ("/k_proj", "/v_proj"))
        q = n.node("RotaryEmbedding", a + "/q", [q] + tables + ["position_ids"], num_heads=HEADS)
        k = n.node("RotaryEmbedding", a + "/k", [k] + tables + ["position_ids"], num_heads=few)
        cache = ["past_%s.%d" % (name, i) for name in ("key", "value")]
        made = ["present_%s.%d" % (name, i) for name in ("key", "value")]
        inputs += [h.make_tensor_value_info(name, T.FLOAT, [1, few, past, SIZE]) for name in cache]
        outputs += [h.make_tensor_value_info(name, T.FLOAT, [1, few, past + length, SIZE]) for name in made]
        n.nodes.append(h.make_node("Attention", [q, k, v, ""] + cache, [a + "/y"] + made, name=a + "/Attention", is_causal=1,
                                   q_num_heads=HEADS, kv_num_heads=few))
        x = n.node("Add", p, [x, n.product(a + "/o_proj", a + "/y", WIDTH, WIDTH, bias=False)])
        y = n.node("RMSNormalization", p + "/post_attention_layernorm", [x, n.scale(p + "/post_attention_layernorm")], epsilon=1e-6)
        gate = n.product(p + "/mlp/gate_proj", y, WIDTH, 3 * WIDTH, bias=False)
        gate = n.node("Mul", p + "/mlp/act_fn", [gate, n.node("Sigmoid", p + "/mlp/act_fn", [gate])])
        y = n.node("Mul", p + "/mlp", [gate, n.product(p + "/mlp/up_proj", y, WIDTH, 3 * WIDTH, bias=False)])
        x = n.node("Add", p + "/1", [x, n.product(p + "/mlp/down_proj", y, 3 * WIDTH, WIDTH, bias=False)])
    x = n.node("RMSNormalization", "/norm", [x, n.scale("/norm")], epsilon=1e-6)
    n.nodes.append(h.make_node("MatMul", [x, n.fill("lm_head.weight", [WIDTH, WORDS], math.sqrt(1 / WIDTH))], ["logits"], name="/lm_head/MatMul"))
    n.save("decoder_prefill", inputs, outputs, folder, opset=23)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    text_encoder(sys.argv[1])
    decoder_step(sys.argv[1])
    decoder_prefill(sys.argv[1])
