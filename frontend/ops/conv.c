/* Conv and ConvTranspose. */
#include "frontend/reference/conv.h"
#include "frontend/ops.h"
#include "frontend/window.h"

static void same_type(fg_context *ctx, const fg_node *n) {
    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] != NULL && n->in[i]->dtype != n->in[0]->dtype) {
            fg_raise(ctx, FG_BAD_MODEL, "operand '%s' is %s, the input is %s", n->in[i]->name,
                     fg_dtype_get(n->in[i]->dtype)->name, fg_dtype_get(n->in[0]->dtype)->name);
        }
    }
}

/* Checks what all forms have in common and returns the group count. w: rows x columns/group x kernel... */
static int64_t check_shapes(fg_context *ctx, const fg_node *n, const fg_shape *x, const fg_shape *w) {
    if (x->rank < 3 || w->rank != x->rank) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "input of shape %s and weights of shape %s do not have the same spatial rank",
                 fg_shape_text(ctx, x), fg_shape_text(ctx, w));
    }
    int64_t group = fg_attr_int(n, "group", 1);
    if (group < 1 || x->dim[1] % group != 0) {
        fg_blame_attribute(ctx, "group");
        fg_raise(ctx, FG_BAD_MODEL, "%lld input channels cannot be divided into %lld groups",
                 (long long)x->dim[1], (long long)group);
    }
    return group;
}

static void check_bias(fg_context *ctx, const fg_value *bias, int64_t channels) {
    if (bias != NULL && (bias->shape.rank != 1 || bias->shape.dim[0] != channels)) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "bias of shape %s does not have one element for each of %lld output channels",
                 fg_shape_text(ctx, &bias->shape), (long long)channels);
    }
}

static fg_shape output_of(const fg_shape *x, int64_t channels, const fg_window *w) {
    fg_shape y = {w->axes + 2, {x->dim[0], channels}};
    for (int i = 0; i < w->axes; i++) {
        y.dim[i + 2] = w->out[i];
    }
    return y;
}

fg_shape fg_conv_shape(fg_context *ctx, const fg_node *n, const fg_shape *x, const fg_shape *w,
                       const fg_value *bias) {
    int64_t group = check_shapes(ctx, n, x, w);
    if (w->dim[1] != x->dim[1] / group) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "weights of shape %s have %lld input channels, input of shape %s has %lld in %lld groups",
                 fg_shape_text(ctx, w), (long long)w->dim[1], fg_shape_text(ctx, x), (long long)x->dim[1],
                 (long long)group);
    }
    if (w->dim[0] % group != 0) {
        fg_blame_attribute(ctx, "group");
        fg_raise(ctx, FG_BAD_MODEL, "%lld output channels cannot be divided into %lld groups",
                 (long long)w->dim[0], (long long)group);
    }
    check_bias(ctx, bias, w->dim[0]);
    const fg_window window = fg_window_of(ctx, n, x, w->dim + 2);
    return output_of(x, w->dim[0], &window);
}

static const fg_value *bias_of(const fg_node *n) {
    return n->n_in > 2 ? n->in[2] : NULL;
}

static void infer_conv(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    same_type(ctx, n);
    const fg_shape y = fg_conv_shape(ctx, n, &n->in[0]->shape, &n->in[1]->shape, bias_of(n));
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_conv_transpose(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape, *w = &n->in[1]->shape;
    same_type(ctx, n);
    int64_t group = check_shapes(ctx, n, x, w), channels;
    if (w->dim[0] != x->dim[1]) {
        fg_raise(ctx, FG_BAD_MODEL,
                 "weights of shape %s have %lld input channels, input of shape %s has %lld",
                 fg_shape_text(ctx, w), (long long)w->dim[0], fg_shape_text(ctx, x), (long long)x->dim[1]);
    }
    int64_t extents[] = {w->dim[1], group};
    channels = fg_checked_product(ctx, 2, extents);
    check_bias(ctx, bias_of(n), channels);
    const fg_window window = fg_window_of_transpose(ctx, n, x, w->dim + 2);
    const fg_shape y = output_of(x, channels, &window);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

const fg_op fg_ops_conv[] = {
    {"Conv", "", 1, 0, 2, 3, 1, FG_T_FLOATS, infer_conv, fg_ref_conv, "conv", NULL, NULL, "group=1", NULL},
    {"ConvTranspose", "", 1, 0, 2, 3, 1, FG_T_FLOATS, infer_conv_transpose, fg_ref_conv_transpose,
     "conv_transpose", NULL, NULL, "group=1", NULL},
};

const int fg_ops_conv_count = (int)FG_COUNT(fg_ops_conv);
