/* Losses over class scores. */
#include "frontend/reference/loss.h"

#include <string.h>

static void need_targets(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape, *t = &n->in[1]->shape;
    bool fits = x->rank >= 2 && t->rank == x->rank - 1;
    for (int d = 0; fits && d < t->rank; d++) {
        fits = t->dim[d] == x->dim[d == 0 ? 0 : d + 1];
    }
    if (!fits) {
        fg_raise(ctx, FG_BAD_MODEL, "target '%s' of shape %s does not fit scores of shape %s", n->in[1]->name,
                 fg_shape_text(ctx, t), fg_shape_text(ctx, x));
    }
    if (n->in[1]->dtype != FG_INT32 && n->in[1]->dtype != FG_INT64) {
        fg_raise(ctx, FG_BAD_MODEL, "target '%s' must be int32 or int64, not %s", n->in[1]->name,
                 fg_dtype_get(n->in[1]->dtype)->name);
    }
    if (x->dim[1] < 1 && fg_shape_count(t) > 0) {
        fg_raise(ctx, FG_BAD_MODEL, "scores of shape %s have no classes", fg_shape_text(ctx, x));
    }
}

static void need_weights(fg_context *ctx, const fg_node *n) {
    const fg_value *w = n->n_in > 2 ? n->in[2] : NULL;
    if (w == NULL) {
        return;
    }
    if (w->shape.rank != 1 || w->shape.dim[0] != n->in[0]->shape.dim[1] || w->dtype != n->in[0]->dtype) {
        fg_raise(ctx, FG_BAD_MODEL, "weight '%s' (%s %s) must have an element of type %s for each class",
                 w->name, fg_dtype_get(w->dtype)->name, fg_shape_text(ctx, &w->shape),
                 fg_dtype_get(n->in[0]->dtype)->name);
    }
}

static void infer(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    need_targets(ctx, n);
    need_weights(ctx, n);
    const char *how = fg_attr_string(n, "reduction", "mean");
    const bool none = strcmp(how, "none") == 0;
    if (!none && strcmp(how, "mean") != 0 && strcmp(how, "sum") != 0) {
        fg_blame_attribute(ctx, "reduction");
        fg_raise(ctx, FG_BAD_MODEL, "attribute reduction must be \"none\", \"sum\" or \"mean\"");
    }
    if (n->in[1]->bound == 0) {
        n->in[1]->bound = n->in[0]->shape.dim[1];
    }
    const fg_shape scalar = {.rank = 0};
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, none ? &n->in[1]->shape : &scalar);
    fg_out_shape(ctx, n, 1, n->in[0]->dtype, &n->in[0]->shape);
}

const fg_op fg_ops_loss[] = {
    {.name = "NegativeLogLikelihoodLoss",
     .domain = "",
     .since = 12,
     .min_in = 2,
     .max_in = 3,
     .max_out = 1,
     .types = FG_T_FLOATS,
     .infer = infer,
     .reference = fg_ref_negative_log_likelihood,
     .lowering = "loss"},
    {.name = "SoftmaxCrossEntropyLoss",
     .domain = "",
     .since = 12,
     .min_in = 2,
     .max_in = 3,
     .max_out = 2,
     .types = FG_T_FLOATS,
     .infer = infer,
     .reference = fg_ref_softmax_cross_entropy,
     .lowering = "loss"},
};
const int fg_ops_loss_count = FG_COUNT(fg_ops_loss);
