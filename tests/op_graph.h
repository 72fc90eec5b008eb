/* Graphs of one node made in memory, for tests of operator families: operands with values, attributes,
 * inference, evaluation.
 *
 *     one_op t = one_new("Transpose", 17);
 *     float *x = one_input(&t, FG_FLOAT, 2, DIMS(2, 3));     a run-time operand, zeros until filled
 *     one_ints(&t, "perm", 2, DIMS(1, 0));
 *     assert_int_equal(one_infer(&t, 1), FG_OK);
 *     const fg_tensor *y = one_run(&t, 0);
 *     one_free(&t);
 */
#ifndef FG_TESTS_OP_GRAPH_H
#define FG_TESTS_OP_GRAPH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/frontend.h"

enum { ONE_MAX = 8 };

typedef struct one_op {
    fg_context *ctx;
    fg_graph *g;
    const char *op;
    int n_in, n_out, n_attr;
    fg_value *in[ONE_MAX];
    fg_tensor data[ONE_MAX]; /* of run-time operands; data NULL for constants */
    fg_attr attr[ONE_MAX];
    fg_node *node;
    fg_run *run;
} one_op;

static inline one_op one_new(const char *op, int opset) {
    one_op t = {.ctx = fg_context_new(), .op = op};
    assert_non_null(t.ctx);
    t.g = fg_graph_new(t.ctx, "test");
    t.g->opset = opset;
    return t;
}

static inline void one_free(one_op *t) {
    fg_context_free(t->ctx);
}

/* Run-time operand with zeroed data, returned for filling. */
static inline void *one_input(one_op *t, fg_dtype type, int rank, const int64_t *dim) {
    fg_shape s = {rank, {0}};
    if (rank > 0) {
        memcpy(s.dim, dim, (size_t)rank * sizeof *dim);
    }
    fg_value *v = fg_graph_value(t->g, "x");
    v->dtype = type;
    v->shape = s;
    v->shape_known = v->shape_declared = v->is_input = true;
    void *data = fg_big_alloc(t->ctx, fg_dtype_bytes(type, fg_shape_count(&s)) + 16);
    t->data[t->n_in] = (fg_tensor){type, s, data};
    t->in[t->n_in++] = v;
    return data;
}

static inline void one_const(one_op *t, fg_dtype type, int rank, const int64_t *dim, const void *values) {
    fg_shape s = {rank, {0}};
    if (rank > 0) {
        memcpy(s.dim, dim, (size_t)rank * sizeof *dim);
    }
    size_t bytes = fg_dtype_bytes(type, fg_shape_count(&s));
    void *copy = fg_alloc(t->ctx, bytes + 1, 1);
    if (bytes > 0) {
        memcpy(copy, values, bytes);
    }
    t->in[t->n_in++] = fg_graph_const(t->g, "c", type, &s, copy);
}

/* Constant list of integers. */
static inline void one_list(one_op *t, int n, const int64_t *values) {
    int64_t dim = n;
    one_const(t, FG_INT64, 1, &dim, values);
}

static inline void one_absent(one_op *t) {
    t->in[t->n_in++] = NULL;
}

static inline fg_attr *one_attr(one_op *t, const char *name, fg_attr_type type) {
    t->attr[t->n_attr] = (fg_attr){.name = name, .type = type};
    return &t->attr[t->n_attr++];
}

static inline void one_int(one_op *t, const char *name, int64_t i) {
    one_attr(t, name, FG_ATTR_INT)->i = i;
}
static inline void one_float(one_op *t, const char *name, float f) {
    one_attr(t, name, FG_ATTR_FLOAT)->f = f;
}

static inline void one_string(one_op *t, const char *name, const char *s) {
    fg_attr *a = one_attr(t, name, FG_ATTR_STRING);
    a->s = s;
    a->s_len = strlen(s);
}

static inline void one_ints(one_op *t, const char *name, int n, const int64_t *values) {
    fg_attr *a = one_attr(t, name, FG_ATTR_INTS);
    int64_t *copy = FG_ARRAY(t->ctx, n + 1, int64_t);
    if (n > 0) {
        memcpy(copy, values, (size_t)n * sizeof *values);
    }
    a->ints = copy;
    a->n = n;
}

static inline void one_infer_body(fg_context *ctx, void *arg) {
    one_op *t = arg;
    fg_value *out[ONE_MAX];
    for (int i = 0; i < t->n_out; i++) {
        out[i] = fg_graph_value(t->g, "y");
    }
    t->node = fg_graph_node(t->g, t->op, t->n_in, t->in, t->n_out, out);
    for (int i = 0; i < t->n_attr; i++) {
        fg_attr *a = fg_node_set_attr(ctx, t->node, t->attr[i].name, t->attr[i].type);
        const char *name = a->name;
        *a = t->attr[i];
        a->name = name;
    }
    t->g->inputs = FG_ARRAY(ctx, t->n_in + 1, fg_value *);
    t->g->n_inputs = 0;
    for (int i = 0; i < t->n_in; i++) {
        if (t->in[i] != NULL && t->in[i]->is_input) {
            t->g->inputs[t->g->n_inputs++] = t->in[i];
        }
    }
    t->g->outputs = FG_ARRAY(ctx, t->n_out + 1, fg_value *);
    t->g->n_outputs = t->n_out;
    for (int i = 0; i < t->n_out; i++) {
        t->g->outputs[i] = t->node->out[i];
        t->node->out[i]->is_output = true;
    }
    fg_infer(t->g);
}

/* Makes the node with n_out outputs and infers it. */
static inline fg_status one_infer(one_op *t, int n_out) {
    t->n_out = n_out;
    return fg_try(t->ctx, one_infer_body, t);
}

static inline void one_run_body(fg_context *ctx, void *arg) {
    one_op *t = arg;
    fg_tensor in[ONE_MAX];
    int n = 0;
    (void)ctx;
    for (int i = 0; i < t->n_in; i++) {
        if (t->in[i] != NULL && t->in[i]->is_input) {
            in[n++] = t->data[i];
        }
    }
    t->run = fg_interpret(t->g, in, NULL, false);
}

/* Runs the node (inferred before) and returns an output. */
static inline const fg_tensor *one_run(one_op *t, int output) {
    if (t->run == NULL) {
        fg_status s = fg_try(t->ctx, one_run_body, t);
        if (s != FG_OK) {
            print_error("%s\n", fg_context_diagnostic(t->ctx)->message);
        }
        assert_int_equal(s, FG_OK);
    }
    const fg_tensor *y = fg_run_value(t->run, t->node->out[output]);
    assert_non_null(y);
    return y;
}

static inline fg_status one_run_status(one_op *t) {
    return fg_try(t->ctx, one_run_body, t);
}

static inline void one_expect_shape(const one_op *t, int output, int rank, const int64_t *dim) {
    const fg_shape *s = &t->node->out[output]->shape;
    assert_int_equal(s->rank, rank);
    for (int d = 0; d < rank; d++) {
        assert_int_equal(s->dim[d], dim[d]);
    }
}

static inline void one_expect_floats(one_op *t, int output, int n, const float *want, float tolerance) {
    const fg_tensor *y = one_run(t, output);
    assert_int_equal(y->dtype, FG_FLOAT);
    assert_int_equal(fg_shape_count(&y->shape), n);
    for (int i = 0; i < n; i++) {
        assert_float_equal(((const float *)y->data)[i], want[i], tolerance);
    }
}

static inline void one_expect_ints(one_op *t, int output, int n, const int64_t *want) {
    const fg_tensor *y = one_run(t, output);
    assert_int_equal(fg_shape_count(&y->shape), n);
    fg_value v = {.dtype = y->dtype, .shape = y->shape, .data = y->data};
    for (int i = 0; i < n; i++) {
        assert_int_equal(fg_const_int(&v, i), want[i]);
    }
}

#define DIMS(...)   ((int64_t[]){__VA_ARGS__})
#define FLOATS(...) ((float[]){__VA_ARGS__})

#endif
