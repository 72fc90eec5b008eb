/* com.microsoft: operators on quantised tensors of 8 bits, with one scale and zero point each. Elementwise
 * ones are expressions over them; see frontend/ops/elementwise.c for the conventions. Sums are taken in
 * double, where products of an element and a scale are exact: no compiler can round them in another way. */
#include <string.h>

#include "frontend/quant.h"
#include "frontend/reference/qlinear.h"
#include "frontend/window.h"

static void need_single(fg_context *ctx, const fg_node *n, int i, fg_dtype type) {
    const fg_value *v = i < n->n_in ? n->in[i] : NULL;
    const bool is_zero = type != FG_FLOAT;
    if (v == NULL && is_zero) {
        return; /* zero points may be absent */
    }
    if (v == NULL) {
        fg_raise(ctx, FG_BAD_MODEL, "operand %d is absent", i);
    }
    if (fg_shape_count(&v->shape) != 1 || v->shape.rank > 1) {
        fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' of shape %s is not one %s", v->name,
                 fg_shape_text(ctx, &v->shape), is_zero ? "zero point" : "scale");
    }
    if (v->dtype != type) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is of type %s, not %s", v->name,
                 fg_dtype_get(v->dtype)->name, fg_dtype_get(type)->name);
    }
    if (v->data == NULL && n->in[0]->shape.rank == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "operand '%s' of a scalar must be constant", v->name);
    }
}

static void set_range(fg_context *ctx, fg_node *n, fg_dtype t) {
    fg_node_set_attr(ctx, n, "fg_low", FG_ATTR_INT)->i = fg_type_low(t);
    fg_node_set_attr(ctx, n, "fg_high", FG_ATTR_INT)->i = fg_type_high(t);
}

static void infer_binary(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_dtype t = n->in[0]->dtype;
    if (n->n_in < 7 || n->in[3] == NULL || n->in[3]->dtype != t) {
        fg_raise(ctx, FG_BAD_MODEL, "both operands must be of type %s", fg_dtype_get(t)->name);
    }
    for (int i = 0; i < 8; i++) {
        if (i != 0 && i != 3) {
            need_single(ctx, n, i, i == 2 || i == 5 || i == 7 ? t : FG_FLOAT);
        }
    }
    set_range(ctx, n, t);
    fg_shape s = n->in[0]->shape;
    fg_broadcast_shape(ctx, n, &s, &n->in[3]->shape);
    fg_out_shape(ctx, n, 0, t, &s);
}

static void check_unary(fg_context *ctx, fg_node *n) {
    if (n->n_in < 4) {
        fg_raise(ctx, FG_BAD_MODEL, "the result's scale is missing");
    }
    for (int i = 1; i < 5; i++) {
        need_single(ctx, n, i, i % 2 != 0 ? FG_FLOAT : n->in[0]->dtype);
    }
}

static void infer_unary(fg_context *ctx, fg_graph *g, fg_node *n) {
    check_unary(ctx, n);
    set_range(ctx, n, n->in[0]->dtype);
    fg_infer_same(ctx, g, n);
}

static void infer_concat(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    if (n->n_in < 5 || n->n_in % 3 != 2 || n->in[0] == NULL || n->in[1] == NULL) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "operands must be the result's scale and zero point, then three per part");
    }
    const fg_dtype t = n->in[1]->dtype;
    set_range(ctx, n, t);
    need_single(ctx, n, 0, FG_FLOAT);
    need_single(ctx, n, 1, t);
    if (n->in[2] == NULL || (t != FG_INT8 && t != FG_UINT8)) {
        fg_raise(ctx, FG_BAD_MODEL, "the zero point is of type %s", fg_dtype_get(t)->name);
    }
    fg_shape y = n->in[2]->shape;
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), y.rank);
    for (int i = 2; i < n->n_in; i += 3) {
        const fg_value *v = n->in[i];
        if (v == NULL || v->dtype != t || v->shape.rank != y.rank) {
            fg_raise(ctx, FG_BAD_MODEL, "part %d does not suit the others", i / 3);
        }
        need_single(ctx, n, i + 1, FG_FLOAT);
        need_single(ctx, n, i + 2, t);
        for (int d = 0; d < y.rank; d++) {
            if (d != axis && v->shape.dim[d] != y.dim[d]) {
                fg_raise(ctx, FG_BAD_MODEL, "part %d of shape %s does not suit the others", i / 3,
                         fg_shape_text(ctx, &v->shape));
            }
        }
        if (i > 2 && __builtin_add_overflow(y.dim[axis], v->shape.dim[axis], &y.dim[axis])) {
            fg_raise(ctx, FG_UNSUPPORTED, "the result would be too large");
        }
    }
    fg_out_shape(ctx, n, 0, t, &y);
}

static void infer_pool(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    check_unary(ctx, n);
    set_range(ctx, n, n->in[0]->dtype);
    if (n->in[0]->shape.rank < 3) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s has no spatial dimension",
                 fg_shape_text(ctx, &n->in[0]->shape));
    }
    const fg_quantised_pool p = fg_quantised_pool_of(ctx, n);
    fg_shape y = n->in[0]->shape;
    for (int d = 0; d < p.w.axes; d++) {
        if (p.w.pad[d] > p.w.in[d] || p.w.pad_end[d] > p.w.in[d]) {
            fg_blame_attribute(ctx, "pads");
            fg_raise(ctx, FG_BAD_MODEL, "more padding than input along spatial axis %d", d);
        }
        y.dim[p.spatial + d] = p.w.out[d];
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

#define ROW(NAME, MIN, MAX, INFER, REFERENCE, LOWERING, SCALAR, DEFAULTS)                                    \
    {                                                                                                        \
        NAME, "com.microsoft", 1, 0, MIN, MAX, 1, FG_T_QUANT8, INFER, REFERENCE, LOWERING, SCALAR, NULL,     \
            DEFAULTS, NULL                                                                                   \
    }

const fg_op fg_ops_qlinear[] = {
    ROW("QLinearAdd", 2, 8, infer_binary, fg_ref_qlinear_binary, "map",
        "fgs_quantise((float)(((double)($0 - $2) * (double)$1 + (double)($3 - $5) * (double)$4) / "
        "(double)$6), $7, "
        "$fg_low, $fg_high)",
        NULL),
    ROW("QLinearMul", 2, 8, infer_binary, fg_ref_qlinear_binary, "map",
        "fgs_quantise((float)(($0 - $2) * ($3 - $5)) * ($1 * $4 / $6), $7, $fg_low, $fg_high)", NULL),
    ROW("QLinearSigmoid", 2, 5, infer_unary, fg_ref_qlinear_unary, "map",
        "fgs_quantise((float)(fgs_sigmoid_f64((double)((float)($0 - $2) * $1)) / (double)$3), $4, $fg_low, "
        "$fg_high)",
        NULL),
    ROW("QLinearLeakyRelu", 2, 5, infer_unary, fg_ref_qlinear_unary, "map",
        "fgs_quantise((float)($0 - $2) * $1 * ($0 < $2 ? (float)$alpha : 1.0f) / $3, $4, $fg_low, $fg_high)",
        "alpha=0.01"),
    {"QLinearConcat", "com.microsoft", 1, 0, 5, -1, 1, FG_T(FG_FLOAT), infer_concat, fg_ref_qlinear_concat,
     NULL, NULL, NULL, NULL, "expanded: every part is quantised anew, then a Concat"},
    ROW("QLinearGlobalAveragePool", 2, 5, infer_pool, fg_ref_qlinear_pool, "qlinear_pool", NULL, NULL),
    ROW("QLinearAveragePool", 2, 5, infer_pool, fg_ref_qlinear_pool, "qlinear_pool", NULL, NULL),
};

const int fg_ops_qlinear_count = (int)FG_COUNT(fg_ops_qlinear);
