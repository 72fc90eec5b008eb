/* Graphs made by hand, for tests of fusion. Everything lives in the context; shapes are written as text:
 * "1x3x8x8". */
#ifndef FG_TESTS_GRAPH_BUILDER_H
#define FG_TESTS_GRAPH_BUILDER_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "fusion/kernel.h"

/* TEST(name) { ... } is a cmocka test whose body runs under fg_try with a fresh context `ctx`. */
#define TEST(name)                                                                                           \
    static void name##_body(fg_context *ctx, void *arg);                                                     \
    static void name(void **state) {                                                                         \
        (void)state;                                                                                         \
        run_body(name##_body);                                                                               \
    }                                                                                                        \
    static void name##_body(fg_context *ctx, void *arg)

static inline void run_body(void (*body)(fg_context *ctx, void *arg)) {
    fg_context *ctx = fg_context_new();
    assert_non_null(ctx);
    fg_status status = fg_try(ctx, body, NULL);
    const fg_diagnostic *d = fg_context_diagnostic(ctx);
    if (status != FG_OK) {
        fail_msg("%s (%s): %s; %s", d->node, d->op, d->message, d->remedy);
    }
    fg_context_free(ctx);
}

static inline fg_shape shape_of(const char *text) {
    fg_shape s = {0};
    while (*text != '\0') {
        s.dim[s.rank++] = strtoll(text, (char **)&text, 10);
        text += *text == 'x';
    }
    return s;
}

static inline fg_graph *new_graph(fg_context *ctx, int opset) {
    fg_graph *g = fg_graph_new(ctx, "test");
    g->opset = opset;
    g->ir_version = 8;
    g->inputs = FG_ARRAY(ctx, 8, fg_value *);
    g->outputs = FG_ARRAY(ctx, 8, fg_value *);
    return g;
}

static inline fg_value *input(fg_graph *g, const char *name, const char *shape) {
    fg_value *v = fg_graph_value(g, name);
    v->dtype = FG_FLOAT;
    v->shape = shape_of(shape);
    v->shape_known = v->shape_declared = v->is_input = true;
    g->inputs[g->n_inputs++] = v;
    return v;
}

/* Distinct positive values around 1, the same for the same name. */
static inline fg_value *parameter(fg_graph *g, const char *name, const char *shape) {
    fg_shape s = shape_of(shape);
    int64_t n = fg_shape_count(&s);
    float *data = fg_big_alloc(g->ctx, (size_t)n * sizeof *data);
    uint32_t h = 2166136261U;
    for (const char *c = name; *c != '\0'; c++) {
        h = (h ^ (unsigned char)*c) * 16777619U;
    }
    for (int64_t i = 0; i < n; i++) {
        h = h * 1664525U + 1013904223U;
        data[i] = 0.5F + (float)(h >> 8) / (float)(1 << 24);
    }
    return fg_graph_const(g, name, FG_FLOAT, &s, data);
}

static inline fg_value *scalar(fg_graph *g, double value) {
    float *data = FG_NEW(g->ctx, float);
    fg_shape s = {0};
    *data = (float)value;
    return fg_graph_const(g, "scalar", FG_FLOAT, &s, data);
}

static inline fg_value *ints(fg_graph *g, int n, const int64_t *values) {
    int64_t *data = FG_ARRAY(g->ctx, n + 1, int64_t);
    fg_shape s = {.rank = 1, .dim = {n}};
    memcpy(data, values, (size_t)n * sizeof *data);
    return fg_graph_const(g, "ints", FG_INT64, &s, data);
}
#define INTS(g, ...)                                                                                         \
    ints((g), (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static inline fg_value *make_node(fg_graph *g, const char *op_type, int n_in, fg_value **in) {
    fg_value *out = fg_graph_value(g, op_type);
    fg_graph_node(g, op_type, n_in, in, 1, &out)->name = out->name;
    return out;
}
#define NODE(g, op_type, ...)                                                                                \
    make_node((g), (op_type), (int)(sizeof((fg_value *[]){__VA_ARGS__}) / sizeof(fg_value *)),               \
              (fg_value *[]){__VA_ARGS__})

/* Attributes of the node that makes v; they return v. */
static inline fg_value *with_int(fg_graph *g, fg_value *v, const char *name, int64_t i) {
    fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_INT)->i = i;
    return v;
}

static inline fg_value *with_float(fg_graph *g, fg_value *v, const char *name, double f) {
    fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_FLOAT)->f = (float)f;
    return v;
}

static inline fg_value *with_ints(fg_graph *g, fg_value *v, const char *name, int n, const int64_t *values) {
    int64_t *copy = FG_ARRAY(g->ctx, n + 1, int64_t);
    memcpy(copy, values, (size_t)n * sizeof *copy);
    fg_attr *a = fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_INTS);
    a->n = n;
    a->ints = copy;
    return v;
}
#define WITH_INTS(g, v, name, ...)                                                                           \
    with_ints((g), (v), (name), (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                   \
              (const int64_t[]){__VA_ARGS__})

/* A convolution of x with weights of that shape ("out x in/group x kh x kw"), stride 1, padded to keep the
 * extents. */
static inline fg_value *conv(fg_graph *g, fg_value *x, const char *weights, int64_t group) {
    const char *name = fg_format(g->ctx, "w%d", g->n_values);
    fg_value *w = parameter(g, name, weights);
    fg_value *b =
        parameter(g, fg_format(g->ctx, "%s_bias", name), fg_format(g->ctx, "%d", (int)w->shape.dim[0]));
    fg_value *y = with_int(g, NODE(g, "Conv", x, w, b), "group", group);
    int64_t ph = w->shape.dim[2] / 2, pw = w->shape.dim[3] / 2;
    return WITH_INTS(g, y, "pads", ph, pw, ph, pw);
}

static inline fg_value *batch_norm(fg_graph *g, fg_value *x, const char *channels) {
    const char *base = fg_format(g->ctx, "bn%d", g->n_values);
    fg_value *p[4];
    for (int i = 0; i < 4; i++) {
        p[i] = parameter(g, fg_format(g->ctx, "%s_%d", base, i), channels);
    }
    return NODE(g, "BatchNormalization", x, p[0], p[1], p[2], p[3]);
}

static inline void output(fg_graph *g, fg_value *v) {
    v->is_output = true;
    g->outputs[g->n_outputs++] = v;
}

/* A graph inside an attribute, with inputs of those names. */
static inline fg_graph *body_of(fg_graph *g, const char *const *inputs, int n) {
    fg_graph *b = new_graph(g->ctx, g->opset);
    for (int i = 0; i < n; i++) {
        fg_value *v = fg_graph_value(b, inputs[i]);
        v->is_input = true;
        b->inputs[b->n_inputs++] = v;
    }
    return b;
}

static inline void set_body(fg_graph *g, fg_value *v, const char *attr, fg_graph *body) {
    fg_graph_link(body);
    fg_node_set_attr(g->ctx, v->producer, attr, FG_ATTR_GRAPH)->graph = body;
}

/* --bound NAME=most */
static inline fg_value *bounded(fg_graph *g, fg_value *v, int64_t most) {
    int64_t *list = FG_ARRAY(g->ctx, FG_MAX_RANK + 1, int64_t);
    for (int d = 0; d < FG_MAX_RANK; d++) {
        list[d] = -1;
    }
    list[FG_MAX_RANK] = most;
    v->most = list;
    return v;
}

static inline int count_op(const fg_graph *g, const char *op_type) {
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        n += strcmp(g->nodes[i]->op_type, op_type) == 0;
    }
    return n;
}

static inline const fg_node *find_op(const fg_graph *g, const char *op_type) {
    for (int i = 0; i < g->n_nodes; i++) {
        if (strcmp(g->nodes[i]->op_type, op_type) == 0) {
            return g->nodes[i];
        }
    }
    fail_msg("no %s in the graph", op_type);
    return NULL;
}

#endif
