/* Scales and zero points. */
#include "frontend/quant.h"

#include <string.h>

static fg_granularity along_axis(fg_context *ctx, const fg_node *n, const fg_shape *x) {
    fg_granularity g = {.block = 1};
    const int64_t count = n->in[1]->shape.dim[0];
    g.axis = x->rank == 1 ? 0 : fg_axis(ctx, n, fg_attr_int(n, "axis", 1), x->rank);
    if (x->rank == 0 || x->dim[g.axis] != count) {
        fg_raise(ctx, FG_BAD_MODEL, "%lld scales for a dimension of extent %lld", (long long)count,
                 (long long)(x->rank == 0 ? 1 : x->dim[g.axis]));
    }
    g.stride[g.axis] = 1;
    return g;
}

static fg_granularity in_blocks(fg_context *ctx, const fg_node *n, const fg_shape *x) {
    const fg_shape *s = &n->in[1]->shape;
    fg_granularity g = {.block = fg_attr_int(n, "block_size", 0)};
    g.axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 1), x->rank);
    if (g.block <= 0) {
        fg_blame_attribute(ctx, "block_size");
        fg_raise(ctx, FG_BAD_MODEL, "scales of shape %s need a positive block_size", fg_shape_text(ctx, s));
    }
    int64_t step = 1;
    for (int d = x->rank; d-- > 0;) {
        const int64_t blocks = d == g.axis ? x->dim[d] / g.block + (x->dim[d] % g.block != 0) : x->dim[d];
        if (s->dim[d] != blocks) {
            fg_raise(ctx, FG_BAD_MODEL, "scales of shape %s do not suit %s in blocks of %lld along axis %d",
                     fg_shape_text(ctx, s), fg_shape_text(ctx, x), (long long)g.block, g.axis);
        }
        g.stride[d] = step;
        step *= blocks;
    }
    return g;
}

fg_granularity fg_granularity_of(fg_context *ctx, const fg_node *n, const fg_shape *x) {
    const fg_shape *s = &n->in[1]->shape;
    const fg_granularity one = {.block = 1};
    if (s->rank <= 1 && fg_shape_count(s) == 1) {
        return one;
    }
    if (s->rank == 1 && fg_attr_int(n, "block_size", 0) == 0) {
        return along_axis(ctx, n, x);
    }
    if (s->rank != x->rank) {
        fg_raise(ctx, FG_BAD_MODEL, "scales of shape %s do not suit elements of shape %s",
                 fg_shape_text(ctx, s), fg_shape_text(ctx, x));
    }
    return in_blocks(ctx, n, x);
}

int64_t fg_type_low(fg_dtype t) {
    const fg_dtype_info *info = fg_dtype_get(t);
    return info->is_signed ? -(INT64_C(1) << (info->bits - 1)) : 0;
}

int64_t fg_type_high(fg_dtype t) {
    const fg_dtype_info *info = fg_dtype_get(t);
    return (INT64_C(1) << (info->is_signed ? info->bits - 1 : info->bits)) - 1;
}

fg_dtype fg_quantise_precision(const fg_node *n) {
    const int64_t asked = fg_attr_int(n, "precision", 0);
    const fg_dtype t = asked != 0 ? (fg_dtype)asked : n->in[1]->dtype;
    return t == FG_FLOAT16 || t == FG_BFLOAT16 ? t : FG_FLOAT;
}

fg_quantised_pool fg_quantised_pool_of(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    const bool last = fg_attr_int(n, "channels_last", 0) != 0;
    fg_quantised_pool p = {.channel = last ? x->rank - 1 : 1, .spatial = last ? 1 : 2};
    fg_shape planes = *x; /* channels second, whatever the order */
    planes.dim[1] = x->dim[p.channel];
    for (int d = 2; d < x->rank; d++) {
        planes.dim[d] = x->dim[p.spatial + d - 2];
    }
    if (strcmp(n->op_type, "QLinearGlobalAveragePool") != 0) {
        p.counts_padding = fg_attr_int(n, "count_include_pad", 0) != 0;
        p.w = fg_window_of(ctx, n, &planes, NULL);
        return p;
    }
    p.w.axes = x->rank - 2;
    for (int d = 0; d < p.w.axes; d++) {
        p.w.in[d] = p.w.kernel[d] = planes.dim[d + 2];
        p.w.out[d] = p.w.stride[d] = p.w.dilation[d] = 1;
    }
    return p;
}
