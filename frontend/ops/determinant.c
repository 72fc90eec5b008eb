/* Det. */
#include "frontend/reference/determinant.h"

static void infer(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_shape s = n->in[0]->shape;
    if (s.rank < 2 || s.dim[s.rank - 1] != s.dim[s.rank - 2]) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s does not hold square matrices",
                 fg_shape_text(ctx, &s));
    }
    int64_t macs = 0;
    if (__builtin_mul_overflow(fg_shape_count(&s), s.dim[s.rank - 1], &macs)) {
        macs = INT64_MAX;
    }
    fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT)->i = macs;
    s.rank -= 2;
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &s);
}

const fg_op fg_ops_determinant[] = {{.name = "Det",
                                     .domain = "",
                                     .since = 11,
                                     .min_in = 1,
                                     .max_in = 1,
                                     .max_out = 1,
                                     .types = FG_T_FLOATS,
                                     .infer = infer,
                                     .reference = fg_ref_det,
                                     .lowering = "determinant"}};
const int fg_ops_determinant_count = FG_COUNT(fg_ops_determinant);
