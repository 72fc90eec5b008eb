/* Operators whose result is known at compile time (constants, shapes, ranges) and those that pass a tensor
 * on. */
#include "frontend/reference/shape.h"

#include <math.h>
#include <string.h>

#include "frontend/expand.h"
#include "frontend/reference/elements.h"

/* ---- constants ---- */

static void set_ints(fg_context *ctx, fg_node *n, int rank, int64_t count, const int64_t *values) {
    fg_shape s = {rank, {count}};
    fg_out_shape(ctx, n, 0, FG_INT64, &s);
    int64_t *data = FG_ARRAY(ctx, count > 0 ? count : 1, int64_t);
    memcpy(data, values, (size_t)count * sizeof(*data));
    n->out[0]->data = data;
}

static int clamp_axis(int64_t axis, int rank) {
    if (axis < 0) {
        axis += rank;
    }
    return (int)(axis < 0 ? 0 : axis > rank ? rank : axis);
}

static void infer_shape(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *s = &n->in[0]->shape;
    bool part = g->opset >= 15; /* start and end exist from there on */
    int start = part ? clamp_axis(fg_attr_int(n, "start", 0), s->rank) : 0;
    int end = part ? clamp_axis(fg_attr_int(n, "end", s->rank), s->rank) : s->rank;
    set_ints(ctx, n, 1, end > start ? end - start : 0, s->dim + start);
}

static void infer_size(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    int64_t count = fg_shape_count(&n->in[0]->shape);
    set_ints(ctx, n, 0, 1, &count);
}

/* One form in which the attributes of Constant give a value. */
static void constant_tensor(fg_context *ctx, fg_node *n, const fg_attr *a) {
    if (a->type != FG_ATTR_TENSOR || a->tensor == NULL || a->tensor->data == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'value' must be a tensor");
    }
    fg_out_shape(ctx, n, 0, a->tensor->dtype, &a->tensor->shape);
    n->out[0]->data = a->tensor->data;
    n->out[0]->synthetic = a->tensor->synthetic;
}

static void constant_plain(fg_context *ctx, fg_node *n, fg_dtype t, int rank, int64_t count,
                           const void *data) {
    fg_shape s = {rank, {count}};
    fg_out_shape(ctx, n, 0, t, &s);
    size_t bytes = fg_dtype_bytes(t, count);
    void *copy = fg_alloc(ctx, bytes > 0 ? bytes : 1, 1);
    if (bytes > 0) {
        memcpy(copy, data, bytes);
    }
    n->out[0]->data = copy;
}

static void constant_from(fg_context *ctx, fg_node *n, const fg_attr *a) {
    if (strcmp(a->name, "value") == 0) {
        constant_tensor(ctx, n, a);
    } else if (strcmp(a->name, "value_int") == 0 && a->type == FG_ATTR_INT) {
        constant_plain(ctx, n, FG_INT64, 0, 1, &a->i);
    } else if (strcmp(a->name, "value_ints") == 0 && a->type == FG_ATTR_INTS) {
        constant_plain(ctx, n, FG_INT64, 1, a->n, a->ints);
    } else if (strcmp(a->name, "value_float") == 0 && a->type == FG_ATTR_FLOAT) {
        constant_plain(ctx, n, FG_FLOAT, 0, 1, &a->f);
    } else if (strcmp(a->name, "value_floats") == 0 && a->type == FG_ATTR_FLOATS) {
        constant_plain(ctx, n, FG_FLOAT, 1, a->n, a->floats);
    } else if (strcmp(a->name, "value_string") == 0 && a->type == FG_ATTR_STRING) {
        constant_plain(ctx, n, FG_STRING, 0, 1, &a->s);
    } else if (strcmp(a->name, "value_strings") == 0 && a->type == FG_ATTR_STRINGS) {
        constant_plain(ctx, n, FG_STRING, 1, a->n, a->strings);
    } else {
        fg_blame_attribute(ctx, a->name);
        fg_raise(ctx, FG_UNSUPPORTED, "attribute '%s' of Constant is not supported", a->name);
    }
}

static void infer_constant(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    if (n->n_attr != 1) {
        fg_raise(ctx, FG_BAD_MODEL, "Constant must have exactly one attribute, it has %d", n->n_attr);
    }
    if (n->n_out < 1 || n->out[0] == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "Constant has no output");
    }
    constant_from(ctx, n, &n->attr[0]);
}

/* What is the same whatever the operands hold, once the shape is known: elements of in[0] are not there. */
static void make_constant(fg_context *ctx, const fg_graph *g, fg_node *n,
                          void (*reference)(const fg_eval *e)) {
    fg_value *y = n->out[0];
    void *data = fg_big_alloc(ctx, fg_dtype_bytes(y->dtype, fg_shape_count(&y->shape)) + 1);
    fg_tensor in = {n->in[0]->dtype, n->in[0]->shape, NULL}, out = {y->dtype, y->shape, data};
    fg_eval e = {ctx, n, &in, &out, false, g->opset};
    reference(&e);
    y->data = data;
}

#define DECLARED_BYTES (INT64_C(64) << 20) /* of a constant that only a declaration makes so large */

/* The operand is not constant, but the result's shape is declared: elements are all the same. */
static void constant_of_declared_shape(fg_context *ctx, const fg_graph *g, fg_node *n, fg_dtype type) {
    const fg_value *y = n->out[0];
    if (y->dtype != type) {
        fg_raise(ctx, FG_BAD_MODEL, "output '%s' is declared as %s and filled with %s", y->name,
                 fg_dtype_get(y->dtype)->name, fg_dtype_get(type)->name);
    }
    if (n->in[0]->elements == NULL &&
        (int64_t)fg_dtype_bytes(type, fg_shape_count(&y->shape)) <= DECLARED_BYTES) {
        make_constant(ctx, g, n, fg_ref_constant_of_shape);
    }
}

static void infer_constant_of_shape(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_attr *a = fg_node_attr(n, "value");
    bool one = a == NULL || (a->type == FG_ATTR_TENSOR && a->tensor != NULL && a->tensor->data != NULL &&
                             fg_shape_count(&a->tensor->shape) == 1);
    if (!one) {
        fg_blame_attribute(ctx, "value");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'value' must be a tensor of one element");
    }
    const fg_dtype type = a == NULL ? FG_FLOAT : a->tensor->dtype;
    if (!fg_need_const(ctx, n, 0, "input")) {
        constant_of_declared_shape(ctx, g, n, type);
        return;
    }
    fg_shape s;
    s.rank = fg_operand_ints(ctx, n, 0, NULL, FG_MAX_RANK, s.dim);
    fg_out_shape(ctx, n, 0, type, &s);
}

static double range_extent(fg_context *ctx, const fg_node *n) {
    if (fg_dtype_get(n->in[0]->dtype)->is_float) {
        double delta = fg_const_float(n->in[2], 0);
        if (delta == 0) {
            fg_raise(ctx, FG_BAD_MODEL, "operand 'delta' is zero");
        }
        return ceil((fg_const_float(n->in[1], 0) - fg_const_float(n->in[0], 0)) / delta);
    }
    int64_t start = fg_const_int(n->in[0], 0), limit = fg_const_int(n->in[1], 0);
    int64_t delta = fg_const_int(n->in[2], 0), span;
    if (delta == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'delta' is zero");
    }
    if (__builtin_sub_overflow(limit, start, &span) || (span == INT64_MIN && delta == -1)) {
        return (double)INT64_MAX;
    }
    return (double)(span / delta + (span % delta != 0 && (span < 0) == (delta < 0)));
}

static void infer_range(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    static const char *const names[] = {"start", "limit", "delta"};
    for (int i = 0; i < 3; i++) {
        if (n->in[i]->dtype != n->in[0]->dtype || fg_shape_count(&n->in[i]->shape) != 1) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must be a scalar of the type of 'start'", names[i]);
        }
        if (!fg_need_const(ctx, n, i, names[i])) {
            return;
        }
    }
    double extent = range_extent(ctx, n);
    if (!(extent < 9e18)) {
        fg_raise(ctx, FG_UNSUPPORTED, "the range has too many elements");
    }
    fg_shape s = {1, {extent > 0 ? (int64_t)extent : 0}};
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &s);
}

static void infer_eye_like(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0];
    if (x->shape.rank != 2) {
        fg_raise(ctx, FG_BAD_MODEL, "input must have two dimensions, not %d", x->shape.rank);
    }
    int64_t t = fg_attr_int(n, "dtype", x->dtype);
    if (t <= 0 || t >= 32 || ((FG_T_NUMERIC | FG_T(FG_BOOL)) & FG_T(t)) == 0) {
        fg_blame_attribute(ctx, "dtype");
        fg_raise(ctx, FG_UNSUPPORTED, "type %lld is not supported", (long long)t);
    }
    fg_out_shape(ctx, n, 0, (fg_dtype)t, &x->shape);
    make_constant(ctx, g, n, fg_ref_eye_like); /* its operand's elements do not matter: always a constant */
}

/* ---- passing on ---- */

static void infer_identity(fg_context *ctx, fg_graph *g, fg_node *n) {
    if (n->in[0]->is_sequence) {
        fg_pass_items(n, 0, n->in[0]);
        fg_replaced(n);
        return;
    }
    fg_infer_same(ctx, g, n);
    n->out[0]->bound = n->in[0]->bound;
}

const fg_op fg_ops_shape[] = {
    {.name = "Shape",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_shape,
     .reference = fg_ref_constant},
    {.name = "Size",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_size,
     .reference = fg_ref_constant},
    {.name = "Constant",
     .domain = "",
     .since = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_constant,
     .reference = fg_ref_constant,
     .note = "no sparse tensors"},
    {.name = "ConstantOfShape",
     .domain = "",
     .since = 9,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T(FG_INT64),
     .infer = infer_constant_of_shape,
     .reference = fg_ref_constant_of_shape,
     .note = "shape must be constant, or the result's declared"},
    {.name = "Range",
     .domain = "",
     .since = 11,
     .min_in = 3,
     .max_in = 3,
     .max_out = 1,
     .types = FG_T_NUMERIC,
     .infer = infer_range,
     .reference = fg_ref_range,
     .lowering = "range",
     .note = "operands must be constant, or the result's shape declared"},
    {.name = "EyeLike",
     .domain = "",
     .since = 9,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_NUMERIC | FG_T(FG_BOOL),
     .infer = infer_eye_like,
     .reference = fg_ref_eye_like},
    {.name = "Identity",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_identity,
     .reference = fg_ref_copy,
     .lowering = "copy"},
};
const int fg_ops_shape_count = FG_COUNT(fg_ops_shape);
