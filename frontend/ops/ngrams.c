/* TfIdfVectorizer. */
#include "frontend/ngrams.h"

#include "frontend/reference/ngrams.h"

static void infer_tfidf(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_ngrams p = fg_ngrams_of(ctx, n);
    fg_shape y = n->in[0]->shape;
    if (y.rank < 1 || y.rank > 2) {
        fg_raise(ctx, FG_BAD_MODEL, "input must have one or two dimensions, its shape is %s",
                 fg_shape_text(ctx, &y));
    }
    int64_t pool = 1;
    for (int i = 0; i < p.n; i++) {
        pool += p.at[i].length;
    }
    fg_attr *macs = fg_node_set_attr(ctx, n, FG_MACS, FG_ATTR_INT);
    const int64_t items = fg_shape_count(&y),
                  nearest = p.distances < y.dim[y.rank - 1] ? p.distances : y.dim[y.rank - 1];
    if (__builtin_mul_overflow(items, nearest + 1, &macs->i) ||
        __builtin_mul_overflow(macs->i, pool, &macs->i)) {
        macs->i = INT64_MAX;
    }
    y.dim[y.rank - 1] = p.outputs;
    fg_out_shape(ctx, n, 0, FG_FLOAT, &y);
}

const fg_op fg_ops_ngrams[] = {
    {.name = "TfIdfVectorizer",
     .domain = "",
     .since = 9,
     .min_in = 1,
     .max_in = 1,
     .max_out = 1,
     .types = FG_T(FG_INT32) | FG_T(FG_INT64) | FG_T(FG_STRING),
     .infer = infer_tfidf,
     .reference = fg_ref_tfidf,
     .lowering = "ngrams"},
};
const int fg_ops_ngrams_count = FG_COUNT(fg_ops_ngrams);
