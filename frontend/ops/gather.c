/* Operators that pick elements by index, or put them there. */
#include "frontend/reference/gather.h"

#include <string.h>

#include "frontend/reference/elements.h"

static void need_index_type(fg_context *ctx, const fg_node *n, int i) {
    fg_dtype t = n->in[i]->dtype;
    if (t == FG_INT32 || t == FG_INT64) {
        return;
    }
    fg_raise(ctx, FG_BAD_MODEL, "indices '%s' must be int32 or int64, not %s", n->in[i]->name,
             fg_dtype_get(t)->name);
}

static void infer_gather(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    need_index_type(ctx, n, 1);
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    fg_shape y = {0, {0}};
    if (x->rank - 1 + k->rank > FG_MAX_RANK) {
        fg_raise(ctx, FG_UNSUPPORTED, "output would have %d dimensions; at most %d are supported",
                 x->rank - 1 + k->rank, FG_MAX_RANK);
    }
    for (int d = 0; d < axis; d++) {
        y.dim[y.rank++] = x->dim[d];
    }
    for (int d = 0; d < k->rank; d++) {
        y.dim[y.rank++] = k->dim[d];
    }
    for (int d = axis + 1; d < x->rank; d++) {
        y.dim[y.rank++] = x->dim[d];
    }
    fg_bound_index(n->in[1], x->dim[axis]);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

static void infer_gather_elements(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    need_index_type(ctx, n, 1);
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    bool fits = x->rank == k->rank;
    for (int d = 0; fits && d < x->rank; d++) {
        fits = d == axis || k->dim[d] <= x->dim[d];
    }
    if (!fits) {
        fg_raise(ctx, FG_BAD_MODEL, "indices of shape %s do not lie inside data of shape %s",
                 fg_shape_text(ctx, k), fg_shape_text(ctx, x));
    }
    fg_bound_index(n->in[1], x->dim[axis]);
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, k);
}

/* Length of the index tuples; bounds the indices where all dimensions they count in allow it. */
static int tuple_length(fg_context *ctx, fg_node *n, int batch) {
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    if (k->rank < 1 || k->dim[k->rank - 1] > x->rank - batch) {
        fg_raise(ctx, FG_BAD_MODEL, "indices of shape %s cannot point into data of shape %s",
                 fg_shape_text(ctx, k), fg_shape_text(ctx, x));
    }
    int length = (int)k->dim[k->rank - 1];
    int64_t smallest = INT64_MAX;
    for (int d = 0; d < length; d++) {
        smallest = x->dim[batch + d] < smallest ? x->dim[batch + d] : smallest;
    }
    if (length > 0) {
        fg_bound_index(n->in[1], smallest);
    }
    return length;
}

static void infer_gather_nd(fg_context *ctx, fg_graph *g, fg_node *n) {
    (void)g;
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    int64_t batch = fg_attr_int(n, "batch_dims", 0);
    need_index_type(ctx, n, 1);
    bool fits = batch >= 0 && batch < x->rank && batch < k->rank;
    for (int d = 0; fits && d < batch; d++) {
        fits = x->dim[d] == k->dim[d];
    }
    if (!fits) {
        fg_raise(ctx, FG_BAD_MODEL, "%lld batch dimensions are not common to data %s and indices %s",
                 (long long)batch, fg_shape_text(ctx, x), fg_shape_text(ctx, k));
    }
    int length = tuple_length(ctx, n, (int)batch), first = (int)batch + length;
    fg_shape y = {0, {0}};
    if (k->rank - 1 + x->rank - first > FG_MAX_RANK) {
        fg_raise(ctx, FG_UNSUPPORTED, "output would have more than %d dimensions", FG_MAX_RANK);
    }
    for (int d = 0; d + 1 < k->rank; d++) {
        y.dim[y.rank++] = k->dim[d];
    }
    for (int d = first; d < x->rank; d++) {
        y.dim[y.rank++] = x->dim[d];
    }
    fg_out_shape(ctx, n, 0, n->in[0]->dtype, &y);
}

/* ---- scatter ---- */

static void check_reduction(fg_context *ctx, const fg_graph *g, const fg_node *n) {
    static const struct {
        const char *name;
        int since;
    } known[] = {{"none", 1}, {"add", 16}, {"mul", 16}, {"max", 18}, {"min", 18}};
    const char *name = fg_attr_string(n, "reduction", "none");
    for (size_t i = 0; i < FG_COUNT(known); i++) {
        if (strcmp(name, known[i].name) != 0 || g->opset < known[i].since) {
            continue;
        }
        if (i > 0 && (FG_T_NUMERIC & FG_T(n->in[0]->dtype)) == 0) {
            fg_raise(ctx, FG_UNSUPPORTED, "reduction '%s' of %s is not supported", name,
                     fg_dtype_get(n->in[0]->dtype)->name);
        }
        return;
    }
    fg_blame_attribute(ctx, "reduction");
    fg_raise(ctx, FG_BAD_MODEL, "reduction '%.20s' is not one of opset %d", name, g->opset);
}

static void infer_scatter_elements(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape;
    need_index_type(ctx, n, 1);
    check_reduction(ctx, g, n);
    int axis = fg_axis(ctx, n, fg_attr_int(n, "axis", 0), x->rank);
    bool fits =
        x->rank == k->rank && fg_shape_equal(k, &n->in[2]->shape) && n->in[2]->dtype == n->in[0]->dtype;
    for (int d = 0; fits && d < x->rank; d++) {
        fits = d == axis || k->dim[d] <= x->dim[d];
    }
    if (!fits) {
        fg_raise(ctx, FG_BAD_MODEL, "data %s, indices %s and updates %s do not go together",
                 fg_shape_text(ctx, x), fg_shape_text(ctx, k), fg_shape_text(ctx, &n->in[2]->shape));
    }
    fg_bound_index(n->in[1], x->dim[axis]);
    fg_infer_same(ctx, g, n);
}

static void infer_scatter_nd(fg_context *ctx, fg_graph *g, fg_node *n) {
    const fg_shape *x = &n->in[0]->shape, *k = &n->in[1]->shape, *u = &n->in[2]->shape;
    need_index_type(ctx, n, 1);
    check_reduction(ctx, g, n);
    int length = tuple_length(ctx, n, 0), outer = k->rank - 1;
    bool fits = u->rank == outer + x->rank - length && n->in[2]->dtype == n->in[0]->dtype;
    for (int d = 0; fits && d < u->rank; d++) {
        fits = u->dim[d] == (d < outer ? k->dim[d] : x->dim[length + d - outer]);
    }
    if (!fits) {
        fg_raise(ctx, FG_BAD_MODEL, "updates of shape %s do not fit data %s and indices %s",
                 fg_shape_text(ctx, u), fg_shape_text(ctx, x), fg_shape_text(ctx, k));
    }
    fg_infer_same(ctx, g, n);
}

#define ROW(op, first, last, inputs, infer_fn, ref_fn, low)                                                  \
    {                                                                                                        \
        .name = op, .domain = "", .since = first, .until = last, .min_in = inputs, .max_in = inputs,         \
        .max_out = 1, .types = FG_T_ANY, .infer = infer_fn, .reference = ref_fn, .lowering = low             \
    }

const fg_op fg_ops_gather[] = {
    ROW("Gather", 1, 0, 2, infer_gather, fg_ref_gather, "gather"),
    ROW("GatherElements", 11, 0, 2, infer_gather_elements, fg_ref_gather_elements, "gather"),
    ROW("GatherND", 11, 0, 2, infer_gather_nd, fg_ref_gather_nd, "gather"),
    ROW("Scatter", 9, 0, 3, infer_scatter_elements, fg_ref_scatter_elements, "scatter"),
    ROW("ScatterElements", 11, 0, 3, infer_scatter_elements, fg_ref_scatter_elements, "scatter"),
    ROW("ScatterND", 11, 0, 3, infer_scatter_nd, fg_ref_scatter_nd, "scatter"),
};
const int fg_ops_gather_count = FG_COUNT(fg_ops_gather);
