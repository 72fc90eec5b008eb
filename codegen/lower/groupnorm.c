/* GroupNormalization and InstanceNormalization: channels are split into groups, each of which is normalised
 * with its pixels. */
#include <string.h>

#include "codegen/lines.h"
#include "codegen/moves.h"

static const fg_line_op normalise = {
    2,
    {FG_LINE_MEAN, FG_LINE_DEVIATION},
    "($x - $0) * $1 * $s + $b",
    "fg_fma(fg_mul(fg_sub($x, $0), $1), $s, $b)",
};

/* The space is (image, group, channel in the group, spatial ...). */
static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "groupnorm", n != NULL && e->k->n_prologue == 0);
    const fg_shape *s = &n->in[0]->shape;
    if (fg_is_empty_result(e, n->in[0])) {
        return;
    }
    const bool instance = strcmp(n->op_type, "InstanceNormalization") == 0;
    const int64_t groups = instance ? s->dim[1] : fg_attr_int(n, "num_groups", 1), per = s->dim[1] / groups;
    fg_dims dims = fg_dims_same(s->rank);
    int64_t extent[FG_MAX_RANK + 1] = {s->dim[0], groups, per};
    bool kept[FG_MAX_RANK + 1] = {true, true};
    dims.inner[1] = 2;
    dims.inner_extent[1] = per;
    for (int d = 2; d < s->rank; d++) {
        extent[d + 1] = s->dim[d];
        dims.to[d] = d + 1;
    }
    /* scale and bias by channel, or, before opset 21, by group */
    int64_t stride[FG_MAX_RANK + 1] = {0};
    const bool by_group = !instance && n->op->until != 0;
    stride[1] = by_group ? 1 : per;
    stride[2] = by_group ? 0 : 1;
    fg_lines l;
    fg_lines_open(e, &l, &normalise, s->rank + 1, extent, kept, &dims);
    l.epsilon = (double)fg_attr_float(n, "epsilon", 1e-5f);
    fg_lines_scale(&l, n->in[1], stride);
    fg_lines_bias(&l, n->in[2], stride);
    fg_lines_emit(&l);
}

const fg_lowering fg_lowering_groupnorm = {"groupnorm", NULL, emit};
