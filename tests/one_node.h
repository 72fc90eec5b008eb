/* Builds a graph of one node, infers it, runs it through the interpreter: what the tests of the reference
 * kernels need.
 *
 *     one_node t = one_node_new("Add", 14);
 *     one_node_floats(&t, "2,2", 1.0, 2.0, 3.0, 4.0);
 *     one_node_floats(&t, "2", 10.0, 20.0);
 *     one_node_expect(&t, 0, "2x2", 11.0, 22.0, 13.0, 24.0);
 *     one_node_done(&t);
 *
 * Data are written as doubles whatever the type. */
#ifndef FG_TESTS_ONE_NODE_H
#define FG_TESTS_ONE_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "frontend/reference/access.h"

#define ONE_NODE_MAX 8

typedef struct one_node {
    fg_context *ctx;
    fg_graph *g;
    fg_node *node;
    const char *op, *domain; /* domain NULL: ai.onnx */
    int n_in, n_out;
    fg_value *in[ONE_NODE_MAX], *out[ONE_NODE_MAX];
    fg_tensor data[ONE_NODE_MAX];
    bool single, ran;
    fg_status status;
    const fg_run *run;
    fg_attr attr[ONE_NODE_MAX]; /* added when the node is made */
    int n_attr;
} one_node;

static inline one_node one_node_new(const char *op, int opset) {
    one_node t = {.ctx = fg_context_new(), .op = op, .n_out = 1};
    assert_non_null(t.ctx);
    t.g = fg_graph_new(t.ctx, "test");
    t.g->opset = opset;
    return t;
}

/* "2,3" -> {2, {2, 3}}; "" -> scalar */
static inline fg_shape one_node_shape(const char *text) {
    fg_shape s = {.rank = 0};
    while (*text != '\0') {
        char *end;
        s.dim[s.rank++] = strtoll(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
    }
    return s;
}

static inline fg_value *one_node_operand(one_node *t, fg_dtype type, const char *shape, bool constant,
                                         va_list args) {
    char name[16] = {'i', 'n', (char)('0' + t->n_in), '\0'};
    fg_value *v = fg_graph_value(t->g, name);
    v->dtype = type;
    v->shape = one_node_shape(shape);
    v->shape_known = true;
    int64_t n = fg_shape_count(&v->shape);
    fg_tensor d = {type, v->shape, fg_big_alloc(t->ctx, fg_dtype_bytes(type, n) + 8)};
    for (int64_t i = 0; i < n; i++) {
        fg_set_f64(&d, i, va_arg(args, double));
    }
    v->is_input = !constant;
    v->data = constant ? d.data : NULL;
    t->data[t->n_in] = d;
    t->in[t->n_in++] = v;
    return v;
}

static inline void one_node_in(one_node *t, fg_dtype type, const char *shape, ...) {
    va_list args;
    va_start(args, shape);
    (void)one_node_operand(t, type, shape, false, args);
    va_end(args);
}

static inline void one_node_const(one_node *t, fg_dtype type, const char *shape, ...) {
    va_list args;
    va_start(args, shape);
    (void)one_node_operand(t, type, shape, true, args);
    va_end(args);
}

#define one_node_floats(t, ...) one_node_in((t), FG_FLOAT, __VA_ARGS__)

/* A float input filled with 1, 2, 3, ... */
static inline void one_node_counting(one_node *t, const char *shape) {
    one_node_in(t, FG_FLOAT, "0");
    fg_value *v = t->in[t->n_in - 1];
    v->shape = one_node_shape(shape);
    int64_t n = fg_shape_count(&v->shape);
    fg_tensor d = {FG_FLOAT, v->shape, fg_big_alloc(t->ctx, (size_t)(n + 1) * sizeof(float))};
    for (int64_t i = 0; i < n; i++) {
        ((float *)d.data)[i] = (float)(i + 1);
    }
    t->data[t->n_in - 1] = d;
}

static inline void one_node_absent(one_node *t) {
    t->in[t->n_in++] = NULL;
}

static inline fg_attr *one_node_attr(one_node *t, const char *name, fg_attr_type type) {
    fg_attr *a = &t->attr[t->n_attr++];
    a->name = name;
    a->type = type;
    a->n = 1;
    return a;
}

static inline void one_node_int(one_node *t, const char *name, int64_t i) {
    one_node_attr(t, name, FG_ATTR_INT)->i = i;
}

static inline void one_node_float(one_node *t, const char *name, float f) {
    one_node_attr(t, name, FG_ATTR_FLOAT)->f = f;
}

static inline void one_node_text(one_node *t, const char *name, const char *s) {
    fg_attr *a = one_node_attr(t, name, FG_ATTR_STRING);
    a->s = s;
    a->s_len = strlen(s);
}

static inline void one_node_ints(one_node *t, const char *name, int n, ...) {
    int64_t *ints = FG_ARRAY(t->ctx, n + 1, int64_t);
    va_list args;
    va_start(args, n);
    for (int i = 0; i < n; i++) {
        ints[i] = va_arg(args, int);
    }
    va_end(args);
    fg_attr *a = one_node_attr(t, name, FG_ATTR_INTS);
    a->n = n;
    a->ints = ints;
}

static inline void one_node_build(one_node *t) {
    for (int i = 0; i < t->n_out; i++) {
        char name[16] = {'o', 'u', 't', (char)('0' + i), '\0'};
        t->out[i] = fg_graph_value(t->g, name);
        t->out[i]->is_output = true;
    }
    t->node = fg_graph_node(t->g, t->op, t->n_in, t->in, t->n_out, t->out);
    t->node->name = "the_node";
    t->node->domain = t->domain != NULL ? t->domain : "";
    for (int i = 0; i < t->n_attr; i++) {
        fg_attr *a = fg_node_set_attr(t->ctx, t->node, t->attr[i].name, t->attr[i].type);
        const char *name = a->name;
        *a = t->attr[i];
        a->name = name;
    }
    t->g->inputs = FG_ARRAY(t->ctx, t->n_in + 1, fg_value *);
    for (int i = 0; i < t->n_in; i++) {
        if (t->in[i] != NULL && t->in[i]->is_input) {
            t->g->inputs[t->g->n_inputs++] = t->in[i];
        }
    }
    t->g->outputs = t->out;
    t->g->n_outputs = t->n_out;
}

static inline void one_node_body(fg_context *ctx, void *arg) {
    one_node *t = (one_node *)arg;
    fg_tensor inputs[ONE_NODE_MAX];
    int n = 0;
    (void)ctx;
    fg_infer(t->g);
    for (int i = 0; i < t->n_in; i++) {
        if (t->in[i] != NULL && t->in[i]->is_input) {
            inputs[n++] = t->data[i];
        }
    }
    t->run = fg_interpret(t->g, inputs, NULL, t->single);
}

static inline fg_status one_node_run(one_node *t) {
    if (!t->ran) {
        one_node_build(t);
        t->status = fg_try(t->ctx, one_node_body, t);
        t->ran = true;
    }
    return t->status;
}

static inline const fg_tensor *one_node_out(one_node *t, int i) {
    if (one_node_run(t) != FG_OK) {
        print_error("%s\n", fg_context_diagnostic(t->ctx)->message);
    }
    assert_int_equal(t->status, FG_OK);
    return fg_run_value(t->run, t->out[i]);
}

/* Shape and all elements of output i, floats to a millionth. */
static inline void one_node_expect(one_node *t, int i, const char *shape, ...) {
    const fg_tensor *y = one_node_out(t, i);
    fg_shape want = one_node_shape(shape);
    va_list args;
    assert_non_null(y);
    assert_string_equal(fg_shape_text(t->ctx, &y->shape), fg_shape_text(t->ctx, &want));
    va_start(args, shape);
    for (int64_t k = 0; k < fg_shape_count(&want); k++) {
        double x = va_arg(args, double), got = fg_get_f64(y, k);
        bool same = x == got || (isnan(x) && isnan(got)) || fabs(got - x) <= 1e-6 * (1 + fabs(x));
        if (!same) {
            print_error("%s: element %d is %.9g, not %.9g\n", t->op, (int)k, got, x);
        }
        assert_true(same);
    }
    va_end(args);
}

/* Inference or the run fails with this status, and the message holds the text. */
static inline void one_node_expect_error(one_node *t, fg_status status, const char *text) {
    assert_int_equal(one_node_run(t), status);
    const fg_diagnostic *d = fg_context_diagnostic(t->ctx);
    if (strstr(d->message, text) == NULL) {
        print_error("message is: %s\n", d->message);
    }
    assert_non_null(strstr(d->message, text));
    assert_string_equal(d->node, "the_node");
}

static inline void one_node_done(one_node *t) {
    fg_context_free(t->ctx);
}

#endif
