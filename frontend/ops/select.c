/* Operators that choose, order or accumulate along an axis. */
#include "frontend/reference/select.h"

#include "frontend/reference/elements.h"

static void need_scalar(fg_context *ctx, const fg_node *n, int i, const char *operand) {
    const fg_value *v = n->in[i];
    if (fg_shape_count(&v->shape) == 1 && v->shape.rank <= 1) {
        return;
    }
    fg_blame_attribute(ctx, operand);
    fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must be a scalar, its shape is %s", operand,
             fg_shape_text(ctx, &v->shape));
}

static void infer_one_hot(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape;
    need_scalar(ctx, n, 1, "depth");
    if (n->in[2]->shape.rank != 1 || n->in[2]->shape.dim[0] != 2) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'values' must be [off, on], its shape is %s",
                 fg_shape_text(ctx, &n->in[2]->shape));
    }
    if (x->rank >= FG_MAX_RANK) {
        fg_raise(ctx, FG_UNSUPPORTED, "output would have %d dimensions", x->rank + 1);
    }
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", -1), x->rank + 1);
    if (!fg_need_const(ctx, n, 1, "depth")) {
        return;
    }
    double depth = fg_const_float(n->in[1], 0); /* may be of any numeric type */
    if (!(depth >= 0 && depth < 9e15)) {
        fg_raise(ctx, FG_BAD_MODEL, "depth %g makes no sense", depth);
    }
    fg_shape y = {x->rank + 1, {0}};
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = d == axis ? (int64_t)depth : x->dim[d - (d > axis)];
    }
    if (fg_dtype_get(n->in[0]->dtype)->is_integer) {
        n->in[0]->bound = y.dim[axis];
    }
    fg_out_shape(ctx, n, 0, n->in[2]->dtype, &y);
}

static void infer_trilu(fg_context *ctx, fg_graph *g, fg_node *n) {
    if (n->in[0]->shape.rank < 2) {
        fg_raise(ctx, FG_BAD_MODEL, "input must have at least two dimensions, it has %d",
                 n->in[0]->shape.rank);
    }
    if (n->n_in > 1 && n->in[1] != NULL) {
        need_scalar(ctx, n, 1, "k");
    }
    fg_infer_same(ctx, g, n);
}

static void infer_cumulative(fg_context *ctx, fg_graph *g, fg_node *n) {
    need_scalar(ctx, n, 1, "axis");
    if (n->in[0]->shape.rank < 1) {
        fg_raise(ctx, FG_BAD_MODEL, "input must not be a scalar");
    }
    if (n->in[1]->data != NULL) {
        (void)fg_axis(ctx, n, fg_const_int(n->in[1], 0), n->in[0]->shape.rank);
    }
    fg_infer_same(ctx, g, n);
}

static void infer_top_k(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y = n->in[0]->shape;
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", -1), y.rank);
    if (n->n_in > 1) {
        need_scalar(ctx, n, 1, "K");
        if (!fg_need_const(ctx, n, 1, "K")) {
            return;
        }
    } else if (fg_node_attr(n, "k") == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'k' is missing");
    }
    int64_t k = n->n_in > 1 ? fg_const_int(n->in[1], 0) : fg_attr_int(n, "k", 0);
    if (k < 0 || k > y.dim[axis]) {
        fg_raise(ctx, FG_BAD_MODEL, "k = %lld is out of range for extent %lld", (long long)k,
                 (long long)y.dim[axis]);
    }
    y.dim[axis] = k;
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
    fg_out_shape(ctx, n, 1, FG_INT64, &y);
    if (n->n_out > 1 && n->out[1] != NULL) {
        n->out[1]->bound = n->in[0]->shape.dim[axis];
    }
}

const fg_op fg_ops_select[] = {
    {.name = "OneHot",
     .domain = "",
     .since = 9,
     .min_in = 3,
     .max_in = 3,
     .max_out = 1,
     .types = FG_T_NUMERIC,
     .infer = infer_one_hot,
     .reference = fg_ref_one_hot,
     .lowering = "onehot",
     .note = "depth must be constant"},
    {.name = "Trilu",
     .domain = "",
     .since = 14,
     .min_in = 1,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T_NUMERIC | FG_T(FG_BOOL),
     .infer = infer_trilu,
     .reference = fg_ref_trilu,
     .lowering = "trilu"},
    {.name = "CumSum",
     .domain = "",
     .since = 11,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T_NUMERIC,
     .infer = infer_cumulative,
     .reference = fg_ref_cumsum,
     .lowering = "cumsum"},
    {.name = "CumProd",
     .domain = "",
     .since = 26,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T_FLOATS | FG_T(FG_INT32) | FG_T(FG_INT64) | FG_T(FG_UINT32) | FG_T(FG_UINT64),
     .infer = infer_cumulative,
     .reference = fg_ref_cumprod,
     .lowering = "cumsum"},
    {.name = "TopK",
     .domain = "",
     .since = 1,
     .until = 9,
     .min_in = 1,
     .max_in = 1,
     .max_out = 2,
     .types = FG_T_NUMERIC,
     .infer = infer_top_k,
     .reference = fg_ref_top_k,
     .lowering = "topk"},
    {.name = "TopK",
     .domain = "",
     .since = 10,
     .min_in = 2,
     .max_in = 2,
     .max_out = 2,
     .types = FG_T_NUMERIC,
     .infer = infer_top_k,
     .reference = fg_ref_top_k,
     .lowering = "topk",
     .note = "K must be constant"},
};
const int fg_ops_select_count = FG_COUNT(fg_ops_select);
