/* The operator table's registry and the helpers that inference functions share.
 *
 * The families are those of frontend/ops/, collected by CMake into op_families.inc. Look-up is linear: a few
 * hundred rows against at most some ten thousand nodes, and no state to initialise. */
#include "frontend/ops.h"

#include <string.h>

#define FG_FAMILY(name)                                                                                      \
    extern const fg_op fg_ops_##name[];                                                                      \
    extern const int fg_ops_##name##_count;
#include "op_families.inc"
#undef FG_FAMILY

typedef struct family {
    const fg_op *rows;
    const int *count;
} family;

static const family families[] = {
#define FG_FAMILY(name) {fg_ops_##name, &fg_ops_##name##_count},
#include "op_families.inc"
#undef FG_FAMILY
};

static bool same_domain(const char *a, const char *b) {
    if (strcmp(a, "ai.onnx") == 0) {
        a = "";
    }
    return strcmp(a, b) == 0;
}

const fg_op *fg_op_find(const char *domain, const char *name, int opset) {
    for (size_t f = 0; f < FG_COUNT(families); f++) {
        for (int i = 0; i < *families[f].count; i++) {
            const fg_op *op = &families[f].rows[i];
            bool covers = opset >= op->since && (op->until == 0 || opset <= op->until);
            if (covers && strcmp(op->name, name) == 0 && same_domain(domain, op->domain)) {
                return op;
            }
        }
    }
    return NULL;
}

int fg_op_count(void) {
    int n = 0;
    for (size_t f = 0; f < FG_COUNT(families); f++) {
        n += *families[f].count;
    }
    return n;
}

const fg_op *fg_op_at(int i) {
    for (size_t f = 0; f < FG_COUNT(families) && i >= 0; f++) {
        if (i < *families[f].count) {
            return &families[f].rows[i];
        }
        i -= *families[f].count;
    }
    return NULL;
}

/* ---- helpers for infer functions ---- */

void fg_out_shape(fg_context *ctx, fg_node *n, int i, fg_dtype t, const fg_shape *s) {
    if (i >= n->n_out || n->out[i] == NULL) {
        return;
    }
    fg_value *v = n->out[i];
    if (s->rank < 0 || s->rank > FG_MAX_RANK) {
        fg_raise(ctx, FG_UNSUPPORTED, "output '%s' has rank %d; at most %d is supported", v->name, s->rank,
                 FG_MAX_RANK);
    }
    fg_shape shape = *s; /* s may be v's own shape */
    for (int d = 0; d < shape.rank; d++) {
        if (shape.dim[d] < 0) {
            fg_raise(ctx, FG_BAD_MODEL, "dimension %d of output '%s' would be %lld", d, v->name,
                     (long long)shape.dim[d]);
        }
    }
    (void)fg_checked_product(ctx, shape.rank, shape.dim);
    if (v->shape_declared && v->dtype != FG_UNDEFINED && v->dtype != t) {
        fg_remedy(ctx, "remove the value_info of '%s' or export the model again", v->name);
        fg_raise(ctx, FG_BAD_MODEL, "output '%s' is declared %s but computes %s", v->name,
                 fg_dtype_get(v->dtype)->name, fg_dtype_get(t)->name);
    }
    if (v->shape_declared && !fg_shape_equal(&v->shape, &shape)) {
        fg_remedy(ctx, "remove the value_info of '%s' or export the model again", v->name);
        fg_raise(ctx, FG_BAD_MODEL, "output '%s' is declared %s but computes %s", v->name,
                 fg_shape_text(ctx, &v->shape), fg_shape_text(ctx, &shape));
    }
    v->dtype = t;
    v->shape = shape;
    v->shape_known = true;
}

static bool outputs_declared(const fg_node *n) {
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = n->out[i];
        if (v != NULL && !(v->shape_declared && v->dtype != FG_UNDEFINED)) {
            return false;
        }
    }
    return n->n_out > 0;
}

bool fg_need_const(fg_context *ctx, fg_node *n, int i, const char *operand) {
    const fg_value *v = i < n->n_in ? n->in[i] : NULL;
    if (v == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is missing", operand);
    }
    if (v->data != NULL) {
        return true;
    }
    if (outputs_declared(n)) {
        for (int k = 0; k < n->n_out; k++) {
            if (n->out[k] != NULL) {
                fg_out_shape(ctx, n, k, n->out[k]->dtype, &n->out[k]->shape);
            }
        }
        return false;
    }
    fg_blame_attribute(ctx, operand);
    const char *bind =
        v->is_input
            ? fg_format(ctx, "bind it with --const %s=FILE.npy", v->name)
            : "bind the graph input it depends on with --const, or simplify the model so that it is constant";
    /* A bound says how large sizes are; which axes there are it does not say. */
    if (v->dtype == FG_INT64 && fg_shape_count(&v->shape) <= FG_MAX_RANK && strcmp(operand, "axes") != 0)
        fg_remedy(ctx, "%s, or say how large it can be with --bound '%s=N'", bind, v->name);
    else
        fg_remedy(ctx, "%s", bind);
    fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' ('%s') decides the output's shape and is not constant",
             operand, v->name);
}

bool fg_need_const_same(fg_context *ctx, fg_node *n, int i, const char *operand) {
    if (fg_need_const(ctx, n, i, operand)) {
        return true;
    }
    const fg_value *y = n->out[0];
    if (y != NULL && y->dtype != n->in[0]->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "output '%s' is declared as %s and has elements of %s", y->name,
                 fg_dtype_get(y->dtype)->name, fg_dtype_get(n->in[0]->dtype)->name);
    }
    return false;
}

static int copy_const_ints(fg_context *ctx, const fg_value *v, int max, int64_t *out) {
    const fg_dtype_info *info = fg_dtype_get(v->dtype);
    if (!info->is_integer) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must hold integers, not %s", v->name, info->name);
    }
    if (v->shape.rank > 1) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must be one-dimensional, its shape is %s", v->name,
                 fg_shape_text(ctx, &v->shape));
    }
    int64_t count = fg_shape_count(&v->shape);
    if (count > max) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' has %lld elements, at most %d make sense", v->name,
                 (long long)count, max);
    }
    for (int64_t k = 0; k < count; k++) {
        out[k] = fg_const_int(v, k);
    }
    return (int)count;
}

int fg_operand_ints(fg_context *ctx, fg_node *n, int i, const char *attr, int max, int64_t *out) {
    if (i >= 0 && i < n->n_in && n->in[i] != NULL) {
        const fg_value *v = n->in[i];
        if (v->data == NULL) {
            fg_remedy(ctx, "bind it, or the graph input it depends on, with --const NAME=FILE.npy");
            fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' must be constant", v->name);
        }
        return copy_const_ints(ctx, v, max, out);
    }
    if (attr == NULL || fg_node_attr(n, attr) == NULL) {
        return -1;
    }
    return fg_attr_ints(ctx, n, attr, max, out);
}

int fg_axis(fg_context *ctx, const fg_node *n, int64_t axis, int rank) {
    (void)n;
    if (axis < -rank || axis >= rank) {
        fg_blame_attribute(ctx, "axis");
        fg_raise(ctx, FG_BAD_MODEL, "axis %lld is out of range for rank %d", (long long)axis, rank);
    }
    return (int)(axis < 0 ? axis + rank : axis);
}

void fg_broadcast_shape(fg_context *ctx, const fg_node *n, fg_shape *acc, const fg_shape *with) {
    (void)n;
    fg_shape r;
    r.rank = acc->rank > with->rank ? acc->rank : with->rank;
    for (int k = 1; k <= r.rank; k++) { /* k-th dimension from the right */
        int64_t a = k <= acc->rank ? acc->dim[acc->rank - k] : 1;
        int64_t b = k <= with->rank ? with->dim[with->rank - k] : 1;
        if (a != b && a != 1 && b != 1) {
            fg_raise(ctx, FG_BAD_MODEL, "operands of shapes %s and %s cannot be broadcast together",
                     fg_shape_text(ctx, acc), fg_shape_text(ctx, with));
        }
        r.dim[r.rank - k] = a == 1 ? b : a;
    }
    *acc = r;
}

static bool passes_values_on(const fg_node *n) {
    return n != NULL && n->op != NULL && n->op->lowering != NULL && n->n_in > 0 && n->in[0] != NULL &&
           (strcmp(n->op->lowering, "copy") == 0 || strcmp(n->op->lowering, "cast") == 0);
}

void fg_bound_index(fg_value *v, int64_t extent) {
    while (v != NULL && fg_dtype_get(v->dtype)->is_integer) {
        if (v->bound == 0 || extent < v->bound) {
            v->bound = extent;
        }
        v = passes_values_on(v->producer) ? v->producer->in[0] : NULL;
    }
}

void fg_infer_same(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &n->in[0]->shape);
}

void fg_infer_broadcast(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape s = n->in[0]->shape;
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            fg_broadcast_shape(ctx, n, &s, &n->in[i]->shape);
        }
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &s);
}
