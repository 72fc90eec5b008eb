/* Writes small ONNX files: just enough protobuf to say anything, also what no exporter would say.
 *
 *     onnx_model m = onnx_new(17);
 *     onnx_input(&m, "x", ONNX_FLOAT, 2, (int64_t[]){1, 4});
 *     onnx_node(&m, "Relu", "relu", (const char *[]){"x", NULL}, (const char *[]){"y", NULL}, NULL);
 *     onnx_output(&m, "y", ONNX_FLOAT, 2, (int64_t[]){1, 4});
 *     onnx_save(&m, folder, "model.onnx");
 */
#ifndef FG_TESTS_ONNX_WRITER_H
#define FG_TESTS_ONNX_WRITER_H

#include "tests/tool.h"

enum { ONNX_FLOAT = 1, ONNX_INT64 = 7, ONNX_BOOL = 9 };

/* ---- protobuf ---- */

typedef struct pb {
    unsigned char *data;
    size_t n, cap;
} pb;

static inline void pb_add(pb *b, const void *data, size_t n) {
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n) + 64;
        b->data = realloc(b->data, b->cap);
        assert_non_null(b->data);
    }
    if (n) memcpy(b->data + b->n, data, n);
    b->n += n;
}

static inline void pb_varint(pb *b, uint64_t x) {
    do {
        unsigned char byte = (unsigned char)((x & 0x7F) | (x > 0x7F ? 0x80 : 0));
        pb_add(b, &byte, 1);
        x >>= 7;
    } while (x);
}

static inline void pb_int(pb *b, unsigned field, int64_t x) {
    pb_varint(b, (uint64_t)field << 3);
    pb_varint(b, (uint64_t)x);
}

static inline void pb_bytes(pb *b, unsigned field, const void *data, size_t n) {
    pb_varint(b, ((uint64_t)field << 3) | 2);
    pb_varint(b, n);
    pb_add(b, data, n);
}

static inline void pb_string(pb *b, unsigned field, const char *s) {
    pb_bytes(b, field, s, strlen(s));
}

/* Adds sub as a message and frees it. */
static inline void pb_message(pb *b, unsigned field, pb *sub) {
    pb_bytes(b, field, sub->data, sub->n);
    free(sub->data);
    *sub = (pb){0};
}

/* ---- ONNX ---- */

typedef struct onnx_model {
    pb graph;
    int64_t opset;
} onnx_model;

static inline onnx_model onnx_new(int64_t opset) {
    onnx_model m = {.opset = opset};
    pb_string(&m.graph, 2, "graph");
    return m;
}

/* names: "batch", or NULL for a numeric extent; names itself may be NULL. */
static inline void onnx_value(onnx_model *m, unsigned field, const char *name, int64_t type, int rank,
                              const int64_t *dims, const char *const *names) {
    pb shape = {0}, tensor = {0}, kind = {0}, value = {0};
    for (int i = 0; i < rank; i++) {
        pb dim = {0};
        if (names && names[i])
            pb_string(&dim, 2, names[i]);
        else
            pb_int(&dim, 1, dims[i]);
        pb_message(&shape, 1, &dim);
    }
    pb_int(&tensor, 1, type);
    pb_message(&tensor, 2, &shape);
    pb_message(&kind, 1, &tensor);
    pb_string(&value, 1, name);
    pb_message(&value, 2, &kind);
    pb_message(&m->graph, field, &value);
}

static inline void onnx_input(onnx_model *m, const char *name, int64_t type, int rank, const int64_t *dims) {
    onnx_value(m, 11, name, type, rank, dims, NULL);
}

static inline void onnx_output(onnx_model *m, const char *name, int64_t type, int rank, const int64_t *dims) {
    onnx_value(m, 12, name, type, rank, dims, NULL);
}

static inline pb onnx_tensor_head(const char *name, int64_t type, int rank, const int64_t *dims) {
    pb t = {0};
    for (int i = 0; i < rank; i++) pb_int(&t, 1, dims[i]);
    pb_int(&t, 2, type);
    pb_string(&t, 8, name);
    return t;
}

static inline void onnx_initializer(onnx_model *m, const char *name, int64_t type, int rank,
                                    const int64_t *dims, const void *data, size_t bytes) {
    pb t = onnx_tensor_head(name, type, rank, dims);
    pb_bytes(&t, 9, data, bytes);
    pb_message(&m->graph, 5, &t);
}

/* A float initializer of `count` values that vary a little and have both signs. */
static inline void onnx_weights(onnx_model *m, const char *name, int rank, const int64_t *dims) {
    size_t count = 1;
    for (int i = 0; i < rank; i++) count *= (size_t)dims[i];
    float *w = malloc(count * sizeof *w);
    assert_non_null(w);
    for (size_t i = 0; i < count; i++) w[i] = (float)((int)(i * 37 % 101) - 50) / 97.0f;
    onnx_initializer(m, name, ONNX_FLOAT, rank, dims, w, count * sizeof *w);
    free(w);
}

/* attributes: concatenated by onnx_attribute_*; consumed; may be NULL. */
static inline void onnx_node(onnx_model *m, const char *op, const char *name, const char *const *in,
                             const char *const *out, pb *attributes) {
    pb node = {0};
    for (; in && *in; in++) pb_string(&node, 1, *in);
    for (; out && *out; out++) pb_string(&node, 2, *out);
    pb_string(&node, 3, name);
    pb_string(&node, 4, op);
    if (attributes) {
        pb_add(&node, attributes->data, attributes->n);
        free(attributes->data);
    }
    pb_message(&m->graph, 1, &node);
}

static inline void onnx_attribute_ints(pb *attributes, const char *name, int n, const int64_t *values) {
    pb a = {0};
    pb_string(&a, 1, name);
    for (int i = 0; i < n; i++) pb_int(&a, 8, values[i]);
    pb_int(&a, 20, 7);
    pb_message(attributes, 5, &a);
}

/* The body's graph is consumed. */
static inline void onnx_attribute_graph(pb *attributes, const char *name, onnx_model *body) {
    pb a = {0};
    pb_string(&a, 1, name);
    pb_message(&a, 6, &body->graph);
    pb_int(&a, 20, 5);
    pb_message(attributes, 5, &a);
}

static inline pb onnx_bytes(onnx_model *m) {
    pb model = {0}, opset = {0};
    pb_int(&model, 1, 8);
    pb_string(&opset, 1, "");
    pb_int(&opset, 2, m->opset);
    pb_message(&model, 8, &opset);
    pb_message(&model, 7, &m->graph);
    return model;
}

/* Writes the file and frees the model. */
static inline void onnx_save(onnx_model *m, const char *folder, const char *name) {
    pb model = onnx_bytes(m);
    tool_write(folder, name, model.data, model.n);
    free(model.data);
}

/* conv -> relu -> global average pool -> flatten -> gemm on 1x3x8x8: a network in small. Its names are the
 * caller's. */
static inline void onnx_named_network(onnx_model *m, const char *conv, const char *relu, const char *x,
                                      const char *y) {
    pb pads = {0};
    onnx_input(m, x, ONNX_FLOAT, 4, (int64_t[]){1, 3, 8, 8});
    onnx_weights(m, "w", 4, (int64_t[]){5, 3, 3, 3});
    onnx_weights(m, "b", 1, (int64_t[]){5});
    onnx_weights(m, "fc", 2, (int64_t[]){5, 7});
    onnx_attribute_ints(&pads, "pads", 4, (int64_t[]){1, 1, 1, 1});
    onnx_node(m, "Conv", conv, (const char *[]){x, "w", "b", NULL}, (const char *[]){"c", NULL}, &pads);
    onnx_node(m, "Relu", relu, (const char *[]){"c", NULL}, (const char *[]){"r", NULL}, NULL);
    onnx_node(m, "GlobalAveragePool", "pool", (const char *[]){"r", NULL}, (const char *[]){"p", NULL}, NULL);
    onnx_node(m, "Flatten", "flatten", (const char *[]){"p", NULL}, (const char *[]){"f", NULL}, NULL);
    onnx_node(m, "Gemm", "gemm", (const char *[]){"f", "fc", NULL}, (const char *[]){y, NULL}, NULL);
    onnx_output(m, y, ONNX_FLOAT, 2, (int64_t[]){1, 7});
}

static inline void onnx_small_network(onnx_model *m, const char *conv, const char *relu) {
    onnx_named_network(m, conv, relu, "x", "y");
}

#endif
