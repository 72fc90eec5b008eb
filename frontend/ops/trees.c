/* Tree ensembles. */
#include "frontend/reference/trees.h"

#include "frontend/forest.h"

/* Rows x features; a vector is one row. */
static int64_t rows_of(fg_context *ctx, const fg_node *n, int64_t features) {
    const fg_shape *x = &n->in[0]->shape;
    if (x->rank < 1 || x->rank > 2 || x->dim[x->rank - 1] < features) {
        fg_raise(ctx, FG_BAD_MODEL, "an input of shape %s does not have rows of %lld features",
                 fg_shape_text(ctx, x), (long long)features);
    }
    return x->rank == 2 ? x->dim[0] : 1;
}

static void say_work(fg_context *ctx, fg_node *n, const fg_forest *f, int64_t rows) {
    const int64_t extents[] = {rows, f->n_trees, f->depth};
    int64_t work = 1;
    for (int i = 0; i < 3; i++) {
        if (__builtin_mul_overflow(work, extents[i], &work)) {
            work = INT64_MAX;
        }
    }
    fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT)->i = work;
}

static void infer_sums(fg_context *ctx, fg_node *n, fg_dtype type) {
    const fg_forest *f = fg_forest_of(ctx, n);
    const int64_t rows = rows_of(ctx, n, f->features);
    const fg_shape y = {2, {rows, f->n_targets}};
    say_work(ctx, n, f, rows);
    fg_out_shape(ctx, n, 0, type, &y);
}

static void infer_ensemble(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    infer_sums(ctx, n, n->in[0]->dtype);
}

static void infer_regressor(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    infer_sums(ctx, n, FG_FLOAT);
}

static void infer_classifier(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_forest *f = fg_forest_of(ctx, n);
    const fg_labels l = fg_labels_of(ctx, n);
    const int64_t rows = rows_of(ctx, n, f->features);
    const fg_shape y = {1, {rows}}, z = {2, {rows, l.n}};
    if (f->post == FG_POST_PROBIT && f->n_targets == 2 && f->one_class) {
        fg_raise(ctx, FG_UNSUPPORTED, "PROBIT of one score for two classes is not defined");
    }
    say_work(ctx, n, f, rows);
    fg_out_shape(ctx, n, 0, l.strings != NULL ? FG_STRING : FG_INT64, &y);
    fg_out_shape(ctx, n, 1, FG_FLOAT, &z);
}

#define ML_TYPES (FG_T(FG_FLOAT) | FG_T(FG_DOUBLE) | FG_T(FG_INT64) | FG_T(FG_INT32))

#define ROW(op, first, outputs, types_, infer_fn, ref_fn, restriction)                                       \
    {                                                                                                        \
        .name = op, .domain = "ai.onnx.ml", .since = first, .min_in = 1, .max_in = 1, .max_out = outputs,    \
        .types = types_, .infer = infer_fn, .reference = ref_fn, .lowering = "forest", .note = restriction   \
    }

const fg_op fg_ops_trees[] = {
    ROW("TreeEnsemble", 5, 1, FG_T_FLOATS, infer_ensemble, fg_ref_tree_regressor, NULL),
    ROW("TreeEnsembleRegressor", 1, 1, ML_TYPES, infer_regressor, fg_ref_tree_regressor,
        "the post-transform holds for a single target too"),
    ROW("TreeEnsembleClassifier", 1, 2, ML_TYPES, infer_classifier, fg_ref_tree_classifier,
        "base values count for every class"),
};
const int fg_ops_trees_count = FG_COUNT(fg_ops_trees);
