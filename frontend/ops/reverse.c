/* ReverseSequence. */
#include "frontend/reference/reverse.h"
#include "frontend/reference/elements.h"

static void infer(fg_context *ctx, fg_graph *g, fg_node *n) {
    const int64_t time = fg_attr_int(n, "time_axis", 0), batch = fg_attr_int(n, "batch_axis", 1);
    const fg_shape *x = &n->in[0]->shape;
    fg_value *lens = n->in[1];
    if (time < 0 || time > 1 || batch != 1 - time) {
        fg_blame_attribute(ctx, "time_axis");
        fg_raise(ctx, FG_BAD_MODEL, "attributes time_axis and batch_axis must be 0 and 1, one each");
    }
    if (x->rank < 2 || lens->dtype != FG_INT64 || lens->shape.rank != 1 ||
        lens->shape.dim[0] != x->dim[batch]) {
        fg_raise(ctx, FG_BAD_MODEL, "lengths '%s' (%s %s) do not fit an input of shape %s", lens->name,
                 fg_dtype_get(lens->dtype)->name, fg_shape_text(ctx, &lens->shape), fg_shape_text(ctx, x));
    }
    if (lens->bound == 0) {
        lens->bound = x->dim[time] + 1;
    }
    fg_infer_same(ctx, g, n);
}

const fg_op fg_ops_reverse[] = {{.name = "ReverseSequence",
                                 .domain = "",
                                 .since = 10,
                                 .min_in = 2,
                                 .max_in = 2,
                                 .max_out = 1,
                                 .types = FG_T_NUMERIC | FG_T(FG_BOOL) | FG_T(FG_STRING),
                                 .infer = infer,
                                 .reference = fg_ref_reverse_sequence,
                                 .lowering = "reverse"}};
const int fg_ops_reverse_count = FG_COUNT(fg_ops_reverse);
