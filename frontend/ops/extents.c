/* Operators of rewritten graphs only, by which extents that depend on data are told, filled up and packed.
 * Behind their tensors they read the extents' symbols, one int64 each; attribute `forms` has a row for each
 * extent or element: the constant, then a factor for each symbol. */
#include "frontend/reference/extents.h"

#include "frontend/extent.h"

static void infer_told(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_attr *forms = fg_node_attr(n, "forms");
    FG_REQUIRE(ctx, "extents", forms != NULL && n->n_in > 0);
    const fg_shape s = {1, {forms->n / (n->n_in + 1)}};
    fg_out_shape(ctx, n, 0, FG_INT64, &s);
}

#define ROW(NAME, INFER, REFERENCE, LOWERING)                                                                \
    {                                                                                                        \
        .name = NAME, .domain = FG_OWN_DOMAIN, .since = 1, .min_in = 1, .max_in = -1, .max_out = 1,          \
        .types = FG_T_ALL, .infer = INFER, .reference = REFERENCE, .lowering = LOWERING                      \
    }

const fg_op fg_ops_extents[] = {
    ROW("Extents", infer_told, fg_ref_extents, "extents"), /* of nothing but symbols */
    ROW("FillTail", fg_infer_same, fg_ref_same, "fill_tail"),
    ROW("Pack", fg_infer_same, fg_ref_same, "pack"),   /* elements side by side, row-major */
    ROW("Unpack", fg_infer_same, fg_ref_same, "pack"), /* and back */
    ROW("Join", fg_infer_same, NULL, "join"),          /* Concat along such an extent */
};
const int fg_ops_extents_count = FG_COUNT(fg_ops_extents);
