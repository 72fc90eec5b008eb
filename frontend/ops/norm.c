/* Normalisations. */
#include "frontend/reference/norm.h"
#include "frontend/ops.h"

#include <string.h>

/* Operand i must have `count` elements in one dimension. */
static void need_vector(fg_context *ctx, const fg_node *n, int i, int64_t count, const char *what) {
    const fg_value *v = i < n->n_in ? n->in[i] : NULL;
    if (v == NULL) {
        return;
    }
    if (v->shape.rank != 1 || v->shape.dim[0] != count) {
        fg_raise(ctx, FG_BAD_MODEL, "%s '%s' of shape %s must have %lld elements", what, v->name,
                 fg_shape_text(ctx, &v->shape), (long long)count);
    }
    if ((FG_T_FLOATS & FG_T(v->dtype)) == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "%s '%s' is of type %s", what, v->name, fg_dtype_get(v->dtype)->name);
    }
}

static int64_t channels(fg_context *ctx, const fg_node *n) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 2) {
        fg_raise(ctx, FG_BAD_MODEL, "input of shape %s has no channels", fg_shape_text(ctx, x));
    }
    return x->dim[1];
}

/* Before opset 14 a node trains if it gives more than its result. */
static bool trains(const fg_graph *g, const fg_node *n) {
    bool more = false;
    for (int i = 1; i < n->n_out; i++) {
        more = more || (n->out[i] != NULL && (n->out[i]->n_users > 0 || n->out[i]->is_output));
    }
    return g->opset < 14 ? more : fg_attr_int(n, "training_mode", 0) != 0;
}

static void infer_batch(fg_context *ctx, fg_graph *g, fg_node *n) {
    static const char *const names[] = {"input", "scale", "bias", "mean", "variance"};
    const fg_shape *x = &n->in[0]->shape;
    int64_t c = x->rank < 2 ? 1 : x->dim[1]; /* a vector has one channel */
    for (int i = 1; i < 5; i++) {
        need_vector(ctx, n, i, c, names[i]);
    }
    if (g->opset < 9 && fg_attr_int(n, "spatial", 1) == 0) {
        fg_blame_attribute(ctx, "spatial");
        fg_raise(ctx, FG_UNSUPPORTED, "attribute spatial=0 is not supported");
    }
    fg_node_set_attr(ctx, n, FG_TRAINS, FG_ATTR_INT)->i = trains(g, n);
    fg_shape stats = {1, {c}};
    fg_infer_same(ctx, g, n);
    for (int i = 1; i < n->n_out; i++) {
        fg_out_shape(ctx, n, i, n->in[3]->dtype, &stats);
    }
}

static void infer_instance(fg_context *ctx, fg_graph *g, fg_node *n) {
    int64_t c = channels(ctx, n);
    need_vector(ctx, n, 1, c, "scale");
    need_vector(ctx, n, 2, c, "bias");
    fg_infer_same(ctx, g, n);
}

static void infer_group(fg_context *ctx, fg_graph *g, fg_node *n) {
    int64_t c = channels(ctx, n), groups = fg_attr_int(n, "num_groups", 0);
    if (groups < 1 || c % groups != 0) {
        fg_blame_attribute(ctx, "num_groups");
        fg_raise(ctx, FG_BAD_MODEL, "%lld channels cannot be divided into %lld groups", (long long)c,
                 (long long)groups);
    }
    need_vector(ctx, n, 1, g->opset < 21 ? groups : c, "scale");
    need_vector(ctx, n, 2, g->opset < 21 ? groups : c, "bias");
    fg_infer_same(ctx, g, n);
}

/* Operand i must broadcast to the normalised dimensions. */
static void need_suffix(fg_context *ctx, const fg_node *n, int i, int axis, const char *what) {
    if (i >= n->n_in || n->in[i] == NULL) {
        return;
    }
    const fg_shape *x = &n->in[0]->shape, *s = &n->in[i]->shape;
    fg_shape tail = {x->rank - axis, {0}};
    memcpy(tail.dim, x->dim + axis, sizeof(int64_t) * (size_t)tail.rank);
    fg_shape with = tail;
    fg_broadcast_shape(ctx, n, &with, s);
    if (!fg_shape_equal(&with, &tail)) {
        fg_raise(ctx, FG_BAD_MODEL, "%s '%s' of shape %s does not broadcast to the normalised %s", what,
                 n->in[i]->name, fg_shape_text(ctx, s), fg_shape_text(ctx, &tail));
    }
    if ((FG_T_FLOATS & FG_T(n->in[i]->dtype)) == 0) {
        fg_raise(ctx, FG_BAD_MODEL, "%s '%s' is of type %s", what, n->in[i]->name,
                 fg_dtype_get(n->in[i]->dtype)->name);
    }
}

static int suffix_axis(fg_context *ctx, const fg_node *n) {
    return fg_axis(ctx, n, fg_attr_int(n, "axis", -1), n->in[0]->shape.rank);
}

static void infer_layer(fg_context *ctx, fg_graph *g, fg_node *n) {
    int axis = suffix_axis(ctx, n);
    need_suffix(ctx, n, 1, axis, "scale");
    need_suffix(ctx, n, 2, axis, "bias");
    int64_t stash = fg_attr_int(n, "stash_type", FG_FLOAT);
    if (stash != FG_FLOAT && stash != FG_BFLOAT16) {
        fg_blame_attribute(ctx, "stash_type");
        fg_raise(ctx, FG_BAD_MODEL, "attribute stash_type must be 1 (float) or 16 (bfloat16)");
    }
    fg_shape stats = n->in[0]->shape;
    for (int d = axis; d < stats.rank; d++) {
        stats.dim[d] = 1;
    }
    fg_infer_same(ctx, g, n);
    for (int i = 1; i < n->n_out; i++) {
        fg_out_shape(ctx, n, i, (fg_dtype)stash, &stats);
    }
}

static void infer_rms(fg_context *ctx, fg_graph *g, fg_node *n) {
    need_suffix(ctx, n, 1, suffix_axis(ctx, n), "scale");
    fg_infer_same(ctx, g, n);
}

static void infer_lp(fg_context *ctx, fg_graph *g, fg_node *n) {
    int64_t p = fg_attr_int(n, "p", 2);
    if (p != 1 && p != 2) {
        fg_blame_attribute(ctx, "p");
        fg_raise(ctx, FG_BAD_MODEL, "attribute p must be 1 or 2");
    }
    (void)suffix_axis(ctx, n);
    fg_infer_same(ctx, g, n);
}

static void infer_lrn(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)channels(ctx, n);
    if (fg_attr_int(n, "size", 0) < 1) {
        fg_blame_attribute(ctx, "size");
        fg_raise(ctx, FG_BAD_MODEL, "attribute size must be positive");
    }
    fg_infer_same(ctx, g, n);
}

static void infer_mean_variance(fg_context *ctx, fg_graph *g, fg_node *n) {
    int64_t axes[FG_MAX_RANK];
    bool marked[FG_MAX_RANK] = {false};
    const int count = fg_mean_variance_axes(ctx, n, axes);
    for (int i = 0; i < count; i++) {
        const int axis = fg_axis(ctx, n, axes[i], n->in[0]->shape.rank);
        if (marked[axis]) {
            fg_blame_attribute(ctx, "axes");
            fg_raise(ctx, FG_BAD_MODEL, "axis %d is given twice", axis);
        }
        marked[axis] = true;
    }
    fg_infer_same(ctx, g, n);
}

#define ROW(NAME, SINCE, UNTIL, MIN, MAX, OUT, INFER, REFERENCE, LOWERING, DEFAULTS, NOTE)                   \
    {                                                                                                        \
        NAME, "", SINCE, UNTIL, MIN, MAX, OUT, FG_T_FLOATS, INFER, REFERENCE, LOWERING, NULL, NULL,          \
            DEFAULTS, NOTE                                                                                   \
    }

const fg_op fg_ops_norm[] = {
    ROW("BatchNormalization", 7, 8, 5, 5, 5, infer_batch, fg_ref_batch_norm, "batchnorm", "epsilon=1e-5",
        "spatial=1"),
    ROW("BatchNormalization", 9, 13, 5, 5, 5, infer_batch, fg_ref_batch_norm, "batchnorm", "epsilon=1e-5",
        NULL),
    ROW("BatchNormalization", 14, 0, 5, 5, 3, infer_batch, fg_ref_batch_norm, "batchnorm", "epsilon=1e-5",
        NULL),
    ROW("LayerNormalization", 17, 0, 2, 3, 3, infer_layer, fg_ref_layer_norm, "layernorm",
        "epsilon=1e-5 axis=-1", NULL),
    ROW("RMSNormalization", 23, 0, 2, 2, 1, infer_rms, fg_ref_rms_norm, "layernorm", "epsilon=1e-5 axis=-1",
        NULL),
    ROW("InstanceNormalization", 6, 0, 3, 3, 1, infer_instance, fg_ref_instance_norm, "groupnorm",
        "epsilon=1e-5", NULL),
    /* scale and bias per group; per channel since 21 */
    ROW("GroupNormalization", 18, 20, 3, 3, 1, infer_group, fg_ref_group_norm, "groupnorm", "epsilon=1e-5",
        NULL),
    ROW("GroupNormalization", 21, 0, 3, 3, 1, infer_group, fg_ref_group_norm, "groupnorm", "epsilon=1e-5",
        NULL),
    ROW("LpNormalization", 1, 0, 1, 1, 1, infer_lp, fg_ref_lp_norm, "lpnorm", "p=2 axis=-1", NULL),
    ROW("MeanVarianceNormalization", 9, 0, 1, 1, 1, infer_mean_variance, fg_ref_mean_variance, "meanvariance",
        NULL, NULL),
    ROW("LRN", 1, 0, 1, 1, 1, infer_lrn, fg_ref_lrn, "lrn", "alpha=0.0001 beta=0.75 bias=1", NULL),
};

const int fg_ops_norm_count = (int)FG_COUNT(fg_ops_norm);
