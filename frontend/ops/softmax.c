/* Softmax, LogSoftmax, Hardmax. Before opset 13 the input is taken as a matrix: dimensions before `axis` are
 * rows, the others together are what is normalised; since then one axis is. */
#include "frontend/reference/softmax.h"
#include "frontend/ops.h"

static void infer_rows(fg_context *ctx, fg_graph *g, fg_node *n) {
    int rank = n->in[0]->shape.rank;
    int64_t axis = fg_attr_int(n, "axis", 1);
    if (axis != rank) {
        (void)fg_axis(ctx, n, axis, rank);
    } /* axis == rank: every element is a row of its own */
    fg_infer_same(ctx, g, n);
}

static void infer_axis(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)fg_axis(ctx, n, fg_attr_int(n, "axis", -1), n->in[0]->shape.rank);
    fg_infer_same(ctx, g, n);
}

#define ROWS(NAME, REFERENCE)                                                                                \
    {NAME, "", 1, 12, 1, 1, 1, FG_T_FLOATS, infer_rows, REFERENCE, "softmax", NULL, NULL, "axis=1", NULL}, { \
        NAME, "", 13, 0, 1, 1, 1, FG_T_FLOATS, infer_axis, REFERENCE, "softmax", NULL, NULL, "axis=-1", NULL \
    }

const fg_op fg_ops_softmax[] = {
    ROWS("Softmax", fg_ref_softmax),
    ROWS("LogSoftmax", fg_ref_log_softmax),
    ROWS("Hardmax", fg_ref_hardmax),
};

const int fg_ops_softmax_count = (int)FG_COUNT(fg_ops_softmax);
