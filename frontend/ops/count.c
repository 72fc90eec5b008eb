/* Operators that count: how much they return depends on what the elements are. */
#include "frontend/reference/count.h"

#include "frontend/extent.h"
#include "frontend/reference/elements.h"

static void infer_non_zero(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    const fg_shape y = {2, {x->rank == 0 ? 1 : x->rank, fg_shape_count(x)}};
    fg_out_symbol(ctx, g, n, 0, FG_INT64, &y, 1, fg_new_symbol(g, y.dim[1]));
    int64_t longest = 1;
    for (int d = 0; d < x->rank; d++) {
        longest = x->dim[d] > longest ? x->dim[d] : longest;
    }
    n->out[0]->bound = longest; /* no index is negative */
}

/* Dimensions of x but `axis`, which is what the node counts. */
static void out_along(fg_context *ctx, fg_graph *g, fg_node *n, int axis, int symbol) {
    const fg_value *x = n->in[0];
    fg_shape y = x->shape;
    y.dim[axis] = g->symbols[symbol].most;
    fg_out_symbol(ctx, g, n, 0, x->dtype, &y, axis, symbol);
    for (int d = 0; d < y.rank; d++) {
        if (d != axis) {
            fg_out_same_extent(n, 0, d, x, d);
        }
    }
}

static void infer_compress(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0], *condition = n->in[1];
    if (condition->dtype != FG_BOOL || condition->shape.rank != 1) {
        fg_raise(ctx, FG_BAD_MODEL, "operand 'condition' must be a list of bools");
    }
    const int64_t given = condition->shape.dim[0];
    if (fg_node_attr(n, "axis") == NULL) {
        const int64_t whole = fg_shape_count(&x->shape);
        const fg_shape y = {1, {given < whole ? given : whole}};
        fg_out_symbol(ctx, g, n, 0, x->dtype, &y, 0, fg_new_symbol(g, y.dim[0]));
        return;
    }
    const int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->shape.rank);
    const int64_t whole = x->shape.dim[axis];
    out_along(ctx, g, n, axis, fg_new_symbol(g, given < whole ? given : whole));
}

static void infer_unique(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_value *x = n->in[0];
    const bool flat = fg_node_attr(n, "axis") == NULL;
    const int axis = flat ? 0 : fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->shape.rank);
    const int64_t count = flat ? fg_shape_count(&x->shape) : x->shape.dim[axis];
    const fg_shape list = {1, {count}};
    const int symbol = fg_new_symbol(g, count);
    if (flat) {
        fg_out_symbol(ctx, g, n, 0, x->dtype, &list, 0, symbol);
    } else {
        out_along(ctx, g, n, axis, symbol);
    }
    fg_out_symbol(ctx, g, n, 1, FG_INT64, &list, 0, symbol);
    if (n->n_out > 2 && n->out[2] != NULL) {
        n->out[2]->shape_declared = false;
        fg_out_shape(ctx, n, 2, FG_INT64, &list);
        n->out[2]->bound = count;
        if (!flat) {
            fg_out_same_extent(n, 2, 0, x, axis);
        }
    }
    fg_out_symbol(ctx, g, n, 3, FG_INT64, &list, 0, symbol);
    if (n->n_out > 1 && n->out[1] != NULL) {
        n->out[1]->bound = count;
    }
}

/* ---- NonMaxSuppression ---- */

static void need_one(fg_context *ctx, const fg_node *n, int i, fg_dtype t, const char *operand) {
    if (i >= n->n_in || n->in[i] == NULL) {
        return;
    }
    const fg_value *v = n->in[i];
    if (v->dtype != t || fg_shape_count(&v->shape) != 1) {
        fg_raise(ctx, FG_BAD_MODEL, "operand '%s' must be one %s", operand, fg_dtype_get(t)->name);
    }
}

static void infer_suppression(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *boxes = &n->in[0]->shape, *scores = &n->in[1]->shape;
    if (boxes->rank != 3 || scores->rank != 3 || boxes->dim[2] != 4 || boxes->dim[0] != scores->dim[0] ||
        boxes->dim[1] != scores->dim[2] || n->in[1]->dtype != FG_FLOAT) {
        fg_raise(ctx, FG_BAD_MODEL, "boxes of shape %s do not fit scores of shape %s",
                 fg_shape_text(ctx, boxes), fg_shape_text(ctx, scores));
    }
    need_one(ctx, n, 2, FG_INT64, "max_output_boxes_per_class");
    need_one(ctx, n, 3, FG_FLOAT, "iou_threshold");
    need_one(ctx, n, 4, FG_FLOAT, "score_threshold");
    int64_t most = scores->dim[2];
    if (n->n_in < 3 || n->in[2] == NULL) {
        most = 0;
    } else if (n->in[2]->data != NULL) {
        const int64_t limit = fg_const_int(n->in[2], 0);
        most = limit < 0 ? 0 : limit < most ? limit : most;
    }
    const int64_t each[3] = {scores->dim[0], scores->dim[1], most};
    const int64_t all = fg_checked_product(ctx, 3, each);
    const fg_shape y = {2, {all, 3}};
    fg_out_symbol(ctx, g, n, 0, FG_INT64, &y, 0, fg_new_symbol(g, all));
    int64_t longest = scores->dim[2];
    longest = scores->dim[1] > longest ? scores->dim[1] : longest;
    n->out[0]->bound = scores->dim[0] > longest ? scores->dim[0] : longest;
}

#define ROW(NAME, SINCE, MIN, MAX, OUT, TYPES, INFER, REFERENCE, LOWERING)                                   \
    {                                                                                                        \
        .name = NAME, .domain = "", .since = SINCE, .min_in = MIN, .max_in = MAX, .max_out = OUT,            \
        .types = TYPES, .infer = INFER, .reference = REFERENCE, .lowering = LOWERING                         \
    }

const fg_op fg_ops_count[] = {
    ROW("NonZero", 9, 1, 1, 1, FG_T_NUMERIC | FG_T(FG_BOOL), infer_non_zero, fg_ref_non_zero, "nonzero"),
    ROW("Compress", 9, 2, 2, 1, FG_T_ALL, infer_compress, fg_ref_compress, "compress"),
    ROW("Unique", 11, 1, 1, 4, FG_T_NUMERIC | FG_T(FG_BOOL), infer_unique, fg_ref_unique, "unique"),
    ROW("NonMaxSuppression", 10, 2, 5, 1, FG_T(FG_FLOAT), infer_suppression, fg_ref_suppression,
        "suppression"),
};
const int fg_ops_count_count = FG_COUNT(fg_ops_count);
