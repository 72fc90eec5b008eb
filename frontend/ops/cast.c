/* Conversion between element types. */
#include "frontend/reference/cast.h"

#include "frontend/reference/elements.h"

static void infer_cast(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_attr *to = fg_node_attr(n, "to");
    if (to == NULL || to->type != FG_ATTR_INT) {
        fg_raise(ctx, FG_BAD_MODEL, "attribute 'to' is missing");
    }
    if (to->i <= 0 || to->i >= FG_DTYPE_COUNT || (FG_T_ANY & FG_T(to->i)) == 0) {
        fg_blame_attribute(ctx, "to");
        fg_raise(ctx, FG_UNSUPPORTED, "conversion to type %lld is not supported", (long long)to->i);
    }
    fg_out_shape(ctx, n, 0, (fg_dtype)to->i, &n->in[0]->shape);
}

static void infer_cast_like(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    fg_dtype t = n->in[1]->dtype;
    if ((FG_T_ANY & FG_T(t)) == 0) {
        fg_raise(ctx, FG_UNSUPPORTED, "conversion to type %s is not supported", fg_dtype_get(t)->name);
    }
    fg_out_shape(ctx, n, 0, t, &n->in[0]->shape);
}

const fg_op fg_ops_cast[] = {
    {.name = "Cast",
     .domain = "",
     .since = 6,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_cast,
     .reference = fg_ref_cast,
     .lowering = "cast"},
    {.name = "CastLike",
     .domain = "",
     .since = 15,
     .min_in = 2,
     .max_in = 2,
     .max_out = 1,
     .types = FG_T_ANY,
     .infer = infer_cast_like,
     .reference = fg_ref_cast,
     .lowering = "cast"},
};
const int fg_ops_cast_count = FG_COUNT(fg_ops_cast);
