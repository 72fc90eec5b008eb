/* Pools over windows, and over all spatial positions. */
#include "frontend/reference/pool.h"
#include "frontend/ops.h"
#include "frontend/window.h"

static fg_shape pooled(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 3) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s has no spatial dimension", fg_shape_text(ctx, x));
    }
    fg_window w = fg_window_of(ctx, n, x, NULL);
    fg_shape y = *x;
    for (int i = 0; i < w.axes; i++) {
        int64_t reach = (w.kernel[i] - 1) * w.dilation[i] + 1;
        if (w.pad[i] >= reach || w.pad_end[i] >= reach || w.in[i] < 1) {
            fg_blame_attribute(ctx, "pads");
            fg_raise(ctx, FG_BAD_MODEL,
                     "a window of extent %lld can lie wholly in the padding (spatial axis %d)",
                     (long long)reach, i);
        }
        y.dim[i + 2] = w.out[i];
    }
    return y;
}

static void infer_pool(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y = pooled(ctx, n);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_max_pool(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y = pooled(ctx, n);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
    fg_out_shape(ctx, n, 1, FG_INT64, &y);
}

static void infer_lp_pool(fg_context *ctx, fg_graph *g, fg_node *n) {
    if (fg_attr_int(n, "p", 2) < 1) {
        fg_blame_attribute(ctx, "p");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'p' must be positive");
    }
    infer_pool(ctx, g, n);
}

static void infer_global(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape y = n->in[0]->shape;
    if (y.rank < 2) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s has no channels", fg_shape_text(ctx, &y));
    }
    for (int d = 2; d < y.rank; d++) {
        y.dim[d] = 1;
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_global_lp(fg_context *ctx, fg_graph *g, fg_node *n) {
    if (fg_attr_int(n, "p", 2) < 1) {
        fg_blame_attribute(ctx, "p");
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'p' must be positive");
    }
    infer_global(ctx, g, n);
}

#define MAX_TYPES (FG_T_FLOATS | FG_T(FG_INT8) | FG_T(FG_UINT8))

const fg_op fg_ops_pool[] = {
    {"MaxPool", "", 1, 0, 1, 1, 2, MAX_TYPES, infer_max_pool, fg_ref_max_pool, "pool", NULL, NULL, NULL,
     NULL},
    {"AveragePool", "", 7, 0, 1, 1, 1, FG_T_FLOATS, infer_pool, fg_ref_average_pool, "pool", NULL, NULL, NULL,
     NULL},
    {"LpPool", "", 2, 0, 1, 1, 1, FG_T_FLOATS, infer_lp_pool, fg_ref_lp_pool, "pool", NULL, NULL, "p=2",
     NULL},
    {"GlobalAveragePool", "", 1, 0, 1, 1, 1, FG_T_FLOATS, infer_global, fg_ref_global_average_pool, "reduce",
     NULL, NULL, NULL, NULL},
    {"GlobalMaxPool", "", 1, 0, 1, 1, 1, FG_T_FLOATS, infer_global, fg_ref_global_max_pool, "reduce", NULL,
     NULL, NULL, NULL},
    {"GlobalLpPool", "", 2, 0, 1, 1, 1, FG_T_FLOATS, infer_global_lp, fg_ref_global_lp_pool, "reduce", NULL,
     NULL, "p=2", NULL},
};

const int fg_ops_pool_count = (int)FG_COUNT(fg_ops_pool);
